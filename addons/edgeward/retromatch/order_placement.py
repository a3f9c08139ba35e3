"""The purge orders for images that were seen before and are listed by now."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import partial
from itertools import batched
from typing import NamedTuple

from edgeward.matching.matcher import Matcher
from edgeward.policy.list_limits import mode_below, verdict_at
from edgeward.purging.image_orders import image_orders
from edgeward.purging.orders import Orders
from edgeward.retromatch.forgotten_purges import ForgottenPurges
from edgeward.sightings.codec import ID_BYTES
from edgeward.sightings.sightings import Sightings
from edgeward.types import Cause, Change, Entry, Fingerprint, PurgeOrder, Target

IMAGES_PER_PLACEMENT = 250
"""Images whose orders are placed together."""
CONCURRENT_READS = 8
"""Images whose targets are read at the same time."""
MAX_LOOP_SECONDS = 0.01
"""How long verdicts may occupy the event loop without a pause."""

type PlacedOrders = dict[str, list[str]]
"""By image (first half of its SHA-256) the ids of its orders."""


class Blocked(NamedTuple):
    """An image that is blocked, the entry that decides, and all entries that it matches. No entry: it depends on the
    target which of them decides, if any."""

    image: Fingerprint
    entry: Entry | None
    matched: Sequence[Entry]

    @property
    def id(self) -> str:
        """The image's id."""
        return self.image.sha256[: 2 * ID_BYTES]


class OrderPlacement:
    """Places orders for images. `tags`: whether a cache stores images under their tags."""

    def __init__(self, matcher: Matcher, sightings: Sightings, orders: Orders, tags: bool) -> None:
        self._matcher, self._sightings, self._orders, self._tags = matcher, sightings, orders, tags
        self._purges = ForgottenPurges(sightings.store, sightings.forgotten, orders)

    async def place(self, change_of_image: Mapping[str, Change], placed: PlacedOrders) -> dict[str, Set[str]]:
        """Place orders for those of the images that are blocked by now, and add them to `placed`. Images that are in it
        get no further orders.

        Returns by image the ids of the entries that decide.
        """
        decided_by: dict[str, Set[str]] = {}
        for ids in batched(sorted(change_of_image.keys() - placed.keys()), IMAGES_PER_PLACEMENT):
            blocked = await self._blocked(ids)
            decided_by |= await self._place(blocked, change_of_image, placed)
        return decided_by

    async def place_and_share(
        self, ids: Iterable[str], change: Change, placed: PlacedOrders, is_new: Callable[[Entry], bool]
    ) -> None:
        """The same for images that one change has listed.

        An order names the entry that decides. It is noted for all entries besides that are new by the change.
        """
        for some in batched(sorted(ids), IMAGES_PER_PLACEMENT):
            blocked = await self._blocked(some)
            before = placed.keys() & set(some)
            new = [each for each in blocked if each.id not in before]
            decided_by = await self._place(new, dict.fromkeys(some, change), placed)
            others = [
                [entry.id for entry in each.matched if is_new(entry) and entry.id not in decided_by.get(each.id, ())]
                for each in blocked
            ]
            groups = zip((placed[each.id] for each in blocked), others, strict=True)
            await self._orders.shared.share_each([group for group in groups if all(group)])

    async def _place(
        self, blocked: Sequence[Blocked], change_of_image: Mapping[str, Change], placed: PlacedOrders
    ) -> dict[str, Set[str]]:
        """Returns by image the ids of the entries that decide."""
        orders: list[list[PurgeOrder]] = []
        for chunk in batched(blocked, CONCURRENT_READS):
            orders += await asyncio.gather(*(self._orders_for(each, change_of_image[each.id]) for each in chunk))
        order_ids = iter(await self._purges.place([order for orders_of_one in orders for order in orders_of_one]))
        for each, orders_of_image in zip(blocked, orders, strict=True):
            placed[each.id] = [next(order_ids) for _ in orders_of_image]
        return {
            each.id: {order.entry_id for order in orders_of_image}
            for each, orders_of_image in zip(blocked, orders, strict=True)
        }

    async def _blocked(self, ids: Sequence[str]) -> list[Blocked]:
        """Those of the images that the lists block by now, or may block at some target."""
        blocked = []
        matcher, began = self._matcher, time.monotonic()
        for image in await self._sightings.images_by_id(ids):
            matches = await matcher.matches_async(image)
            matched = [match.entry for match in matches]
            if matcher.depends_on_target(matches):
                blocked.append(Blocked(image, None, matched))
            elif (verdict := matcher.verdict_from(matches)).blocks and verdict.match:
                blocked.append(Blocked(image, verdict.match.entry, matched))
            if time.monotonic() - began > MAX_LOOP_SECONDS:
                await asyncio.sleep(0)
                began = time.monotonic()
        return blocked

    async def _orders_for(self, blocked: Blocked, change: Change) -> list[PurgeOrder]:
        image, entry, _ = blocked
        seen_at = dict(await self._sightings.targets(image.sha256))
        # Read after the targets: one that is forgotten meanwhile is found there or here.
        forgotten = await self._sightings.forgotten.of_image(image.sha256)
        if entry is not None:
            return self._orders_by(entry, image, change, seen_at, forgotten, tags=self._tags)
        deciding = await self._deciding(image, seen_at, forgotten)
        # A purge by tag removes the image everywhere, so it must be blocked wherever it was seen.
        tags = self._tags and None not in deciding.values()
        orders: list[PurgeOrder] = []
        for each in dict.fromkeys(filter(None, deciding.values())):
            targets = {target: at for target, at in seen_at.items() if deciding[target] == each}
            prefixes = {prefix: count for prefix, count in forgotten.items() if deciding[prefix] == each}
            orders += self._orders_by(each, image, change, targets, prefixes, tags=tags and not orders)
        return orders

    async def _deciding(
        self, image: Fingerprint, targets: Iterable[Target], prefixes: Iterable[Target]
    ) -> dict[Target, Entry | None]:
        """By target, and by prefix of forgotten ones, the entry that blocks an image there; None where none does."""
        matcher = self._matcher
        matches = matcher.first_of_each_list(await matcher.matches_async(image))
        verdicts = {prefix: matcher.verdict_from(matches, partial(mode_below, prefix=prefix)) for prefix in prefixes}
        verdicts |= {target: verdict_at(matcher, matches, target) for target in targets}
        return {
            target: verdict.match.entry if verdict.blocks and verdict.match else None
            for target, verdict in verdicts.items()
        }

    def _orders_by(
        self,
        entry: Entry,
        image: Fingerprint,
        change: Change,
        seen_at: Mapping[Target, float],
        forgotten: Mapping[Target, int],
        *,
        tags: bool,
    ) -> list[PurgeOrder]:
        return image_orders(
            image.sha256,
            seen_at,
            Cause.LISTING,
            # The entry may be newer than the change of policy: the linger time then begins with the entry.
            change.at if change.entry else max(change.at, entry.added_at),
            entry_id=entry.id,
            why=change.why,
            by=change.who,
            tags=tags,
            forgotten=forgotten,
            seen_at=seen_at,
        )
