"""What is known of forgotten targets: where, and how many. Only a purge by prefix or tag removes their copies.

A target is forgotten when a limit is reached, or when its sighting was lost. Kept for as long as a sighting is:

{<image>}:f          hash: prefix -> "count at" of one image's targets, at most IMAGE_LIMITS
{forgotten}:known    the same of all images that are on record, at most KNOWN_LIMITS
{forgotten}:lost     hash: host -> "count at since" of targets whose image is not on record, at most LOST_LIMITS; a
                     purge ordered after `since`, milliseconds by the clock of the store, makes up for all of them.
                     Earlier versions have written no `since`
{forgotten}:emptied  when every cache was emptied last, Unix seconds
{forgotten}:purges   purges that make up for it, see retromatch/forgotten_purges.py

A prefix is a scheme, a host and the beginning of a path. Beyond the first limit it is the whole host; beyond the
second, EVERYWHERE.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from edgeward.quantities import HOSTS_NAMED
from edgeward.sightings.codec import image_id
from edgeward.sightings.forgotten_scripts import (
    EXPIRE,
    NOTE_EMPTIED,
    NOTE_ONCE,
    REMEMBER_ALL,
    REMEMBER_LOST,
    REPAIR,
    SUBTRACT,
)
from edgeward.sightings.images_and_targets import name_of
from edgeward.sightings.url_normalization import decoded_url, normalized_host
from edgeward.store.connection import Store
from edgeward.store.shared_time import STEP_SECONDS
from edgeward.types import Target

type Prefixes = Mapping[Target, int]
"""By prefix the number of forgotten targets there."""

EVERYWHERE = Target("", "", "/")
"""The prefix of targets of too many hosts: no cache can purge it."""
STORE_LOSS = Target("store-loss", "", "/")
"""The prefix of all that the store knew when it lost its data: how many targets, and where, nobody knows. It stays
until an operator has emptied the caches."""
PREFIX_CHARACTERS = 256
"""Of a path that are remembered: a prefix may end anywhere."""


CLOCK_SECONDS = 60.0
"""By so much the clocks of two machines may differ."""


class PrefixLimits(NamedTuple):
    """Maximum prefixes in one hash, and hosts beyond them."""

    prefixes: int
    hosts: int


IMAGE_LIMITS = PrefixLimits(64, 16)
KNOWN_LIMITS = PrefixLimits(10_000, 1_000)
LOST_LIMITS = PrefixLimits(256, 0)


@dataclass(frozen=True, slots=True)
class ForgottenTotals:
    """Targets that are now forgotten: of images on record (`known`), and of others (`lost`), with the hosts of both.

    `store_lost`: sightings were lost with the store's data, which counts as one of `lost`. `host_names`: the hosts with
    the most, at most HOSTS_NAMED; those of targets of too many hosts have none.
    """

    known: int
    lost: int
    hosts: int
    store_lost: bool = False
    host_names: Sequence[str] = field(default=(), compare=False)

    @property
    def targets(self) -> int:
        return self.known + self.lost


@dataclass(frozen=True, slots=True)
class Mark:
    """How many targets were forgotten at a prefix, and when the last one was, Unix seconds.

    `since`: a purge ordered after it makes up for them, Unix seconds by the clock of the store; None: see
    ForgottenTargets.makes_up_for.
    """

    count: int
    at: int
    since: float | None = None


class ForgottenTargets:
    """The forgotten targets in the store.

    Args:
        keep: seconds that a prefix is kept after the last target was forgotten there.
        unrecorded: seconds in which a worker may not record a target again that it has recorded.

    Attributes:
        clock: that of the store.
    """

    def __init__(self, store: Store, keep: float, unrecorded: float) -> None:
        self._store, self._keep, self._unrecorded = store, keep, unrecorded + CLOCK_SECONDS
        self.clock = store.clock
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._known, self._lost = store.key("{forgotten}", "known"), store.key("{forgotten}", "lost")
        self._emptied = store.key("{forgotten}", "emptied")

    def image_key(self, image: bytes) -> str:
        return self._store.key(f"{{{name_of(image)}}}", "f")

    def limits_as_args(self, limits: PrefixLimits) -> tuple[int, int, int, int]:
        """The first arguments of a script with REMEMBER: now, keep in ms, and the limits."""
        return *self._now_and_keep(), *limits

    async def remember_known(self, targets: Iterable[Target]) -> None:
        """Count targets of images on record as forgotten, for the totals and for takedowns of URLs."""
        await self._remember(self._known, KNOWN_LIMITS, Counter(map(prefix_of, targets)))

    async def subtract_known(self, targets: Iterable[Target]) -> None:
        """Take back what `remember_known` counted: these targets are not forgotten, or others counted them too."""
        counts = Counter(map(prefix_of, targets))
        if counts:
            args = [each for prefix, count in counts.items() for each in (*prefix_and_host(prefix), count)]
            await self._store.run_even_if_full(SUBTRACT, [self._known], args)

    async def remember_of_image(self, image: bytes, targets: Iterable[Target]) -> None:
        """Count targets of an image (by id) that never came on record as forgotten."""
        await self.count_of_image(image, Counter(map(prefix_of, targets)))

    async def count_of_image(self, image: bytes, prefixes: Prefixes) -> None:
        """The same, by prefix the number of targets there."""
        await self._remember(self._known, KNOWN_LIMITS, prefixes)
        await self._remember(self.image_key(image), IMAGE_LIMITS, prefixes)

    async def remember_lost(self, prefixes: Prefixes, *, recorded_again: bool = False) -> None:
        """Count targets whose image is not on record. `prefixes`: any; their hosts are remembered.

        `recorded_again`: every worker records such a target when it serves it again, even if it has done so lately.
        """
        hosts: Counter[Target] = Counter()
        for prefix, count in prefixes.items():
            hosts[host_of(prefix)] += count
        if hosts:
            limits, unrecorded = self.limits_as_args(LOST_LIMITS), int(self._unrecorded * 1000)
            args = [each for prefix, count in hosts.items() for each in (*prefix_and_host(prefix), count)]
            waits = (0 if recorded_again else unrecorded, unrecorded)
            await self._store.run_even_if_full(REMEMBER_LOST, [self._lost], [*limits, *waits, *args])

    async def remember_store_loss(self) -> None:
        """The store lost its data: where copies are is not known any more. Counts as one target, however often."""
        await self._store.run_even_if_full(NOTE_ONCE, [self._lost], [pack_prefix(STORE_LOSS), *self._now_and_keep()])

    async def end_store_loss(self) -> bool:
        """Every cache was emptied since the store lost its data. Returns whether it had."""
        # Before the time is taken: what is forgotten from now on is not covered.
        for prefix in await self.lost():
            if prefix != STORE_LOSS:
                await self.repair(prefix, self.clock.now() - self._unrecorded)
        await self._store.run(NOTE_EMPTIED, [self._emptied])
        return bool(await self._redis.hdel(self._lost, pack_prefix(STORE_LOSS)))

    async def emptied_at(self) -> float:
        """When every cache was emptied after a loss of the store's data, Unix seconds; 0.0 if none ever was, or if the
        store's clock was set back since: what was placed after it is not known."""
        at = float(await self._redis.get(self._emptied) or 0.0)
        return at if at <= self.clock.now() + STEP_SECONDS else 0.0

    async def clock_was_set_back(self) -> None:
        """Forget that every cache was emptied, if that is still to come by the store's clock: a person must say so
        again."""
        if not await self.emptied_at():
            await self._redis.delete(self._emptied)

    async def of_image(self, image: str | bytes) -> dict[Target, int]:
        """The forgotten targets of an image, by its id or SHA-256."""
        return await self._read(self.image_key(image_id(image) if isinstance(image, str) else image))

    async def lost(self) -> dict[Target, int]:
        """By host the number of lost targets."""
        return await self._read(self._lost)

    async def lost_marks(self) -> dict[Target, Mark]:
        """The same, with the time when the last one was lost."""
        return await self._read_marks(self._lost)

    def makes_up_for(self, mark: Mark, purged_at: float) -> bool:
        """Whether a purge ordered at `purged_at` removes all that is not on record: no worker has left a target out
        since, because it had recorded it before it was forgotten."""
        if mark.since is not None:
            return mark.since < purged_at
        return mark.at <= int(purged_at - self._unrecorded)

    async def everything(self) -> dict[Target, int]:
        """Every prefix of forgotten targets, known and lost."""
        found = Counter(await self._read(self._known))
        found.update(await self._read(self._lost))
        return dict(found)

    async def of_urls(self, urls: Iterable[Target]) -> dict[Target, int]:
        """The prefixes to purge so that forgotten forms and variants of these URLs go, each with the number of targets
        that were forgotten there, of these URLs or of others."""
        everything = await self.everything()
        found: Counter[Target] = Counter()
        for url in urls if everything else ():
            plain = prefix_of(url)
            for forgotten, count in everything.items():
                if may_share_targets(forgotten, plain):
                    if decoded_url(forgotten) == decoded_url(plain) and forgotten.host:
                        found[forgotten] += count
                    elif _stands_for_many_paths(forgotten):
                        found[plain] += count
        return dict(found)

    async def below(self, prefixes: Iterable[Target]) -> dict[Target, int]:
        """The same for all below these prefixes. Each of them is among the keys."""
        everything = await self.everything()
        found: dict[Target, int] = dict.fromkeys(prefixes, 0)
        for prefix in list(found):
            for forgotten, count in everything.items():
                if may_share_targets(forgotten, prefix):
                    # One in another form is not below the prefix as a cache compares it.
                    inside = decoded_url(forgotten).startswith(decoded_url(prefix)) and bool(forgotten.host)
                    meant = forgotten if inside and not _is_below(forgotten, prefix) else prefix
                    found[meant] = found.get(meant, 0) + count
        return found

    async def totals(self) -> ForgottenTotals:
        known, lost = await self._read(self._known), await self._read(self._lost)
        hosts: Counter[str] = Counter()
        for prefix, count in (*known.items(), *lost.items()):
            if prefix != STORE_LOSS:
                hosts[normalized_host(prefix.host)] += count
        named = [host for host, _ in hosts.most_common() if host][:HOSTS_NAMED]
        return ForgottenTotals(sum(known.values()), sum(lost.values()), len(hosts), STORE_LOSS in lost, named)

    async def repair(self, prefix: Target, purged_at: float, image: str = "") -> None:
        """Every cache has carried out a purge of a prefix that was ordered at `purged_at` (Unix seconds): the targets
        there, of an image (SHA-256) or lost ones, are not missed any more.

        Not if a target was forgotten less than `unrecorded` seconds before: a worker may have seen it since, and
        recorded it no more. Of lost targets, those that every worker records again need only be older than the purge.
        """
        field, latest = pack_prefix(prefix), int(purged_at - self._unrecorded)
        key = self.image_key(image_id(image)) if image else self._lost
        repaired = int(await self._store.run_even_if_full(REPAIR, [key], [field, latest, round(purged_at * 1000)]))
        if image and repaired:
            await self._store.run_even_if_full(SUBTRACT, [self._known], [*prefix_and_host(prefix), repaired])

    async def expire(self) -> None:
        """Remove the prefixes where nothing was forgotten for `keep`."""
        oldest = self.clock.now() - self._keep
        for key in (self._known, self._lost):
            found = (await self._redis.hgetall(key)).items()
            old = [each for field, value in found if _at(value) < oldest for each in (field, value)]
            if old:
                await self._store.run_even_if_full(EXPIRE, [key], old)

    def _now_and_keep(self) -> tuple[int, int]:
        return int(self.clock.now()), int(self._keep * 1000)

    async def _remember(self, key: str, limits: PrefixLimits, prefixes: Prefixes) -> None:
        if prefixes:
            args = [each for prefix, count in prefixes.items() for each in (*prefix_and_host(prefix), count)]
            await self._store.run_even_if_full(REMEMBER_ALL, [key], [*self.limits_as_args(limits), *args])

    async def _read(self, key: str) -> dict[Target, int]:
        return {prefix: mark.count for prefix, mark in (await self._read_marks(key)).items()}

    async def _read_marks(self, key: str) -> dict[Target, Mark]:
        oldest = self.clock.now() - self._keep
        found = (await self._redis.hgetall(key)).items()
        return {
            unpack_prefix(field): Mark(int(value.split()[0]), _at(value), _since(value))
            for field, value in found
            if _at(value) >= oldest
        }


def prefix_of(target: Target) -> Target:
    """The prefix that stands for a target and all others of its path: without its query, and not too long."""
    path = target.path.partition("?")[0]
    if len(path) > PREFIX_CHARACTERS:
        path = path[:PREFIX_CHARACTERS]
        # Not within a percent-encoded byte.
        encoded = path.rfind("%", PREFIX_CHARACTERS - 2)
        path = path[:encoded] if encoded >= 0 else path
    return Target(target.scheme, target.host, path)


def host_of(prefix: Target) -> Target:
    """The prefix of the whole host."""
    return Target(prefix.scheme, prefix.host, "/")


def prefix_and_host(prefix: Target) -> tuple[bytes, bytes]:
    """A prefix and its host as they are stored."""
    return pack_prefix(prefix), pack_prefix(host_of(prefix))


def may_share_targets(forgotten: Target, prefix: Target) -> bool:
    """Whether some targets below one prefix may be below the other too."""
    if not forgotten.host:
        return True
    if normalized_host(forgotten.host) != normalized_host(prefix.host):
        return False
    path, other = decoded_url(forgotten), decoded_url(prefix)
    return path.startswith(other) or other.startswith(path)


def pack_prefix(prefix: Target) -> bytes:
    """A prefix as it is stored."""
    parts = (prefix.scheme, prefix.host, prefix.path)
    return b"" if prefix == EVERYWHERE else "\0".join(parts).encode("utf-8", "surrogatepass")


def unpack_prefix(field: bytes) -> Target:
    """The prefix that is stored so."""
    if not field:
        return EVERYWHERE
    scheme, host, path = field.decode("utf-8", "surrogatepass").split("\0", 2)
    return Target(scheme, host, path)


def _at(value: bytes) -> int:
    return int(value.split()[1])


def _since(value: bytes) -> float | None:
    _, _, *since = value.split()
    return int(since[0]) / 1000 if since else None


def _stands_for_many_paths(prefix: Target) -> bool:
    """Whether it is a host, or the beginning of long paths."""
    return prefix.path == "/" or len(prefix.path) > PREFIX_CHARACTERS - 3


def _is_below(forgotten: Target, prefix: Target) -> bool:
    """Whether a cache that compares byte for byte finds one prefix below the other."""
    return (forgotten.scheme, forgotten.host) == (prefix.scheme, prefix.host) and forgotten.path.startswith(prefix.path)
