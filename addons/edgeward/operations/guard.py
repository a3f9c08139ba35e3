"""The guard: whether an update of the lists would block or purge so much that a second person must approve it.

The effect is counted by the search of a dry run (import_effect.py). A long update is searched for in a sample of the
images seen, and the sample's upper bound counts: an update is rather held than let pass.
"""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import batched
from typing import Any, Self

from edgeward import guard_metrics
from edgeward.background.polling import Polling
from edgeward.errors import StoreUnavailable
from edgeward.matching.batches.row_sets import rows_of_signals
from edgeward.operations.import_effect import DAY_SECONDS, EffectSearch, SeenEffect, can_block
from edgeward.operations.protection import Protection
from edgeward.operations.services import Services
from edgeward.quantities import counted
from edgeward.types import HashList, Signal, entry_id

HASHES_PER_SEARCH = 2_000
EXACT_HASHES = 20_000
"""An update of up to so many hashes is searched for in all images seen."""
SAMPLED_IMAGES = 4_000
HITS_AT_LIMIT = 40
"""Images of a sample that an update hits at the limit guard.share: a sample is so large that it would be at least as
many."""
SEEN_SAMPLE = 2_000
"""Images of which it is looked how many were seen in the last day."""
ENOUGH_SECONDS = 2.0
"""After this time a search ends as soon as the update is to be held: its numbers then mean "at least"."""
MAX_UNJUDGED = 20
"""Hashes that are listed without a judgement while the images seen are still being read."""
READY_SECONDS = 10.0
POLL_SECONDS = (0.01, 0.25)
"""Pause between two looks at whether they are: the first, and the longest."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an update would do, and why it is held.

    Attributes:
        effect: on the images that were searched.
        reasons: why the update must be approved, as sentences; () if it need not be.
        seen: images seen in the last day, about; 0 if that was not counted.
        sampled: of how many images `effect` is; 0: of all.
        images: how many there were in all; 0 unless `sampled`.
        protected_hashes: entries of protect-lists that the update matches.
    """

    effect: SeenEffect
    reasons: tuple[str, ...] = ()
    seen: int = 0
    sampled: int = 0
    images: int = 0
    protected_hashes: int = 0

    @property
    def is_held(self) -> bool:
        return bool(self.reasons)

    def upper(self, number: int) -> int:
        """How many of all images, or of their targets, `number` of the sample stand for at most; of all images, the
        number itself."""
        if not self.sampled:
            return number
        hits = self.effect.images + self.effect.allowed
        bound = (hits + 3 + 2 * math.sqrt(hits)) / max(1, hits) * number if hits else number
        return math.ceil(bound * self.images / self.sampled)

    @property
    def images_at_most(self) -> int:
        """Images seen in the last day that would be blocked: of a sample the upper bound."""
        recent = self.effect.recent
        return self.upper(recent) if recent or not self.sampled else math.ceil(3 * self.images / self.sampled)

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A judgement as stored. Keys of a later release are passed over."""
        data: dict[str, Any] = json.loads(text)
        known = {each.name: data["effect"][each.name] for each in fields(SeenEffect) if each.name in data["effect"]}
        rest = {each.name: data[each.name] for each in fields(cls) if each.name in data}
        return cls(**{**rest, "effect": SeenEffect(**known), "reasons": tuple(data["reasons"])})


NO_EFFECT = Judgement(SeenEffect())


async def judge(
    services: Services, hash_list: HashList, total: int, chunks: AsyncIterable[Sequence[Signal]]
) -> Judgement:
    """Judge an update: these hashes will block by the policy of `hash_list`.

    Args:
        total: about how many hashes there are.
        chunks: them, some thousand at a time.

    Raises:
        StoreUnavailable: the images seen are still being read, and there are more than MAX_UNJUDGED hashes.
    """
    settings = services.config.guard
    if not (settings.enabled and total and can_block(hash_list)) or not await _is_ready(services, total):
        return NO_EFFECT
    sampled, images, among = 0, 0, None
    size = max(SAMPLED_IMAGES, math.ceil(HITS_AT_LIMIT / settings.share))
    if total > EXACT_HASHES and (images := await services.retromatch.images_seen()) > size:
        among = await services.retromatch.sample(size)
        sampled = len(among)
    protection, protected = Protection(services, hash_list), 0

    def is_enough(effect: SeenEffect) -> bool:
        return bool(_reasons_of(services, replace(judgement, effect=effect, protected_hashes=protected)))

    judgement = Judgement(SeenEffect(), sampled=sampled, images=images if sampled else 0)
    search = EffectSearch(services, hash_list, among, is_enough, ENOUGH_SECONDS)
    async for signals in chunks:
        protected += await protection.count_hashes(signals)
        await search.add(signals)
    return await with_reasons(services, replace(judgement, effect=search.effect, protected_hashes=protected))


async def with_reasons(services: Services, judgement: Judgement) -> Judgement:
    """A judgement with the reasons for which the update must be approved, if there are any."""
    settings = services.config.guard
    if not settings.enabled:
        return judgement
    if judgement.images_at_most > settings.min_images:
        judgement = replace(judgement, seen=await _seen_in_last_day(services))
    return replace(judgement, reasons=tuple(_reasons_of(services, judgement)))


async def in_chunks(signals: Iterable[Signal]) -> AsyncIterator[Sequence[Signal]]:
    """Signals as `judge` reads them."""
    for some in batched(signals, HASHES_PER_SEARCH):
        yield some


async def not_listed(services: Services, list_name: str, signals: Sequence[Signal]) -> list[Signal]:
    """Those of these hashes that are not on a list, as far as this process knows."""
    matcher = services.replica.matcher
    single, state = matcher.single_entries(list_name), matcher.batches(list_name).state
    if not single and not state.counts.total():
        return list(signals)
    of_batches = await asyncio.to_thread(rows_of_signals, state, signals)
    new = [each for each in signals if each not in of_batches]
    return [each for each in new if entry_id(list_name, each) not in single] if single else new


async def _is_ready(services: Services, total: int) -> bool:
    polling, deadline = Polling(*POLL_SECONDS), time.monotonic() + READY_SECONDS
    while not services.retromatch.ready:
        if total <= MAX_UNJUDGED:
            return False
        if time.monotonic() > deadline:
            raise StoreUnavailable(
                "the images seen are still being read, so it can't be said what this would block: try again"
            )
        await polling.pause()
    return True


def _reasons_of(services: Services, judged: Judgement) -> list[str]:
    settings, effect, found = services.config.guard, judged.effect, list[str]()
    least = "up to about " if judged.sampled else "at least " if effect.unsearched else ""
    images = judged.images_at_most
    if judged.seen and images > settings.min_images and images > settings.share * judged.seen:
        found.append(
            f"it would block {least}{counted(images, 'image')} of about {judged.seen} seen in the last day"
            f"{', if no allowlist protected them' if effect.allowed else ''}: more than guard.share "
            f"({settings.share:g})"
        )
    if (targets := judged.upper(effect.targets)) > settings.targets:
        found.append(
            f"it would purge {least}{counted(targets, 'target')}: more than guard.targets ({settings.targets})"
        )
    if effect.protected:
        found.append(f"it would block {least}{counted(effect.protected, 'protected image')}")
    if judged.protected_hashes:
        found.append(f"it matches {counted(judged.protected_hashes, 'entry', 'entries')} of protect-lists")
    if effect.unsearched and not found:
        of = effect.searched + effect.unsearched
        found.append(f"there was no time to search for all of it: {effect.searched} of {of} hashes were searched for")
    return found


async def _seen_in_last_day(services: Services) -> int:
    """How many images were seen in the last day. Of more than SEEN_SAMPLE images a sample is looked at, and the lower
    bound counts."""
    ids = await services.retromatch.sample_ids(SEEN_SAMPLE)
    recent = await services.sightings.seen_since(ids, services.store.clock.now() - DAY_SECONDS)
    images = await services.retromatch.images_seen()
    if not ids or images <= len(ids):
        return max(1, recent)
    share = recent / len(ids)
    lower = share - 2 * math.sqrt(share * (1 - share) / len(ids))
    return max(1, int(lower * images))


async def note_held(services: Services, update_id: str, list_name: str, who: str, judgement: Judgement) -> None:
    """Note in the audit trail, and count, that an update is held."""
    guard_metrics.updates_held.inc()
    effect = judgement.effect
    about = {"update": update_id, "list": list_name, "images": effect.images, "targets": effect.targets}
    await services.audit_trail.note("update.hold", who, "; ".join(judgement.reasons), **about)
