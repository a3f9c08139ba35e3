"""Served targets that are followed at their origin. Each has exactly one next time, in one of the first two keys.

Every host has a queue of its own, and they take turns: one with many targets, or over its rate, delays no other.

{sweep}:queue:<host>    sorted set: image id and packed target -> its rank. To be checked now, the highest rank first
{sweep}:later           sorted set: the same -> when to queue it, Unix seconds; also while it is being checked
{sweep}:state           hash: SHA-1 of such a member -> "VIEWS SERVED IDLE WAKE HOST", see ServedTarget
{sweep}:hosts           sorted set: host with such a queue -> when its turn was last, Unix seconds
{sweep}:long            sorted set: members whose target is long -> their rank when they were served last
{sweep}:targets         hash: such a member -> its packed target
{sweep}:bytes           bytes of all of these
{sweep}:clock           when targets were taken last (Unix seconds): later than now if the clock was set back
{sweep}:budget          requests to origins that the responses served so far allow
{sweep}:host:<host>     token bucket of a host's origin
{sweep}:checked:<hash>  when a target was checked last, and its validators then
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import batched
from typing import Any

from edgeward import metrics
from edgeward.background.readable_records import readable
from edgeward.origin_check import queue_scripts as scripts
from edgeward.settings.config import Config
from edgeward.sightings.codec import pack_target, unpack_target
from edgeward.store.connection import Arg, Store
from edgeward.types import Target

MAX_QUEUED = 100_000
"""Targets in all queues, and in later. Beyond it those of the lowest rank of the host with the most, or with the latest
time, are dropped, counted and followed again when they are served again."""
MAX_TARGET_BYTES = 1024
"""Longer targets are stored once, and the queues have their digests: a client can make targets of several kilobytes."""
MAX_LONG_BYTES = 16 * 1024 * 1024
"""Of all long targets together. Beyond it those of the lowest rank are dropped and counted, as in the queues: what many
clients request stays, whatever one client makes up."""
LONG = b"\xff"
"""In a member: the digest of a long target follows. No packed target begins so."""
MAX_VISITED = 200
"""Hosts whose turn it is at a time."""
MAX_BUDGET = 10_000.0
"""Requests that may be saved up."""
LEASE_SECONDS = 120
"""A target that was taken is queued again after this time if its taker died. Longer than any check."""
KEEP_CHECKED_MS = 24 * 3600 * 1000
ID_BYTES = 16


class Permission(StrEnum):
    """Whether a request may be sent to an origin now, and if not, which limit forbids it."""

    GRANTED = "go"
    OVER_SHARE = "share"
    """The share of requests among all responses is used up, until more responses are served."""
    OVER_HOST_RATE = "host"
    """The rate for this host's origin is used up for the moment."""


@dataclass(frozen=True, slots=True)
class ServedTarget:
    """A target that served the image with this id (32 hex digits), last at `at` (Unix seconds).

    Attributes:
        views: responses that are known since its last check.
        idle: its last checks in a row before which it had not been served.
        rank: its place in the queue when it was taken; the highest comes first.
    """

    target: Target
    image: str
    at: float = field(compare=False)
    views: int = field(default=1, compare=False)
    idle: int = field(default=0, compare=False)
    rank: float = field(default=0.0, compare=False)

    def pack(self) -> bytes:
        return bytes.fromhex(self.image) + pack_target(self.target)

    def member(self) -> tuple[bytes, bytes]:
        """Its name in the queues, and its packed target if that is long, else b""."""
        packed = self.pack()
        if len(packed) <= MAX_TARGET_BYTES:
            return packed, b""
        target = packed[ID_BYTES:]
        return packed[:ID_BYTES] + LONG + hashlib.blake2b(target, digest_size=ID_BYTES).digest(), target

    @classmethod
    def unpack(cls, member: bytes, long_target: bytes, at: float, views: int, idle: int, rank: float) -> "ServedTarget":
        """Raises ValueError if the member, or `long_target` of a long one, is no packed target."""
        target = unpack_target(long_target or member[ID_BYTES:])
        return cls(target, member[:ID_BYTES].hex(), at, views, idle, rank)


@dataclass(frozen=True, slots=True)
class LastCheck:
    """When the origin was asked last (Unix seconds), and the validators of its answer (RFC 9110, section 8.8)."""

    at: float
    etag: str = ""
    last_modified: str = ""


class SweepQueue:
    """The queue in the store, shared by all workers and controllers.

    Args:
        sees_hits: whether reports include responses from a cache. Then the latest served and most served targets come
            first; otherwise those that wait longest.

    Attributes:
        clock: that of the store, whose time all times here are.
    """

    def __init__(self, store: Store, sees_hits: bool = True) -> None:
        self._store, self._sees_hits, self.clock = store, sees_hits, store.clock
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._budget, self._clock_key = store.key("{sweep}", "budget"), store.key("{sweep}", "clock")
        names = ("queue", "later", "state", "long", "targets", "bytes", "hosts")
        self._keys = [store.key("{sweep}", name) for name in names]

    def now(self) -> float:
        """The store's time (Unix seconds), by which targets are due: the clocks of controllers may differ."""
        return self.clock.now()

    async def report(self, served: Iterable[ServedTarget], allowed: float) -> None:
        """Follow targets that were served. All responses together allow `allowed` more requests to origins.

        A target that is followed already keeps its next time. If it was not being served, it is queued now.
        """
        args: list[Arg] = [f"{allowed:.6f}", MAX_BUDGET, MAX_QUEUED, int(self._sees_hits), MAX_LONG_BYTES]
        now = self.now()
        for each in served:
            args += [*each.member(), f"{max(0.0, now - each.at):.3f}", each.views, each.target.host]
        metrics.sweep_dropped.inc(await self._store.run(scripts.REPORT, [*self._keys, self._budget], args))

    async def take(
        self,
        count: int,
        per_second: float = 0.0,
        leave_out: Iterable[str] = (),
        of_host: int = MAX_QUEUED,
        refused: Iterable[str] = (),
    ) -> list[ServedTarget]:
        """Take targets off the queues, those with the highest rank of each host, whose turns come one after the other.

        They are queued again after LEASE_SECONDS.

        Args:
            per_second: rate limit of each host, 0: none. One target more than it allows is taken, to be refused.
            leave_out: hosts of which none is taken.
            of_host: most targets of one host.
            refused: hosts of which that one is not taken.
        """
        buckets = self._store.key("{sweep}", "host", "")
        args: list[Arg] = [count, LEASE_SECONDS, int(self._sees_hits), per_second, buckets, of_host, MAX_VISITED]
        named = [*(f"-{host}" for host in leave_out), *(f"={host}" for host in refused)]
        found = await self._store.run(scripts.TAKE, [*self._keys, self._clock_key], [*args, *named])

        def read(record: tuple[bytes, ...]) -> ServedTarget:
            member, target, at, views, idle, rank = record
            return ServedTarget.unpack(member, target, float(at), int(views), int(idle), float(rank))

        return readable("served", batched(found, 6), read)

    async def put_back(self, served: Sequence[ServedTarget]) -> None:
        """Queue targets again, where they were, that could not be checked now."""
        args: list[Arg] = [MAX_LONG_BYTES]
        for each in served:
            args += [*each.member(), f"{each.at:.3f}", f"{each.rank or each.at:.3f}", each.target.host]
        metrics.sweep_dropped.inc(await self._store.run(scripts.PUT_BACK, self._keys, args))

    async def postpone(self, served: ServedTarget, until: float, *, wake: bool = False, checked: bool = False) -> None:
        """Queue a target again at `until` (Unix seconds).

        Args:
            wake: as soon as it is served again, if that is earlier.
            checked: its origin was asked, but the answer says nothing that `record_check` could keep.
        """
        done, idle = (served.views, _idle_after(served)) if checked else (0, served.idle)
        await self._schedule(served, until, done, idle, wake or (checked and idle > 0))

    async def record_check(self, served: ServedTarget, check: LastCheck, next_at: float | None = None) -> None:
        """Record that a target was checked, and when to check it next (Unix seconds).

        Without `next_at` it is due: how long a check is good for is not decided here.
        """
        await self._redis.set(self._checked_key(served), json.dumps(asdict(check)), px=KEEP_CHECKED_MS)
        idle = _idle_after(served)
        await self._schedule(served, check.at if next_at is None else next_at, served.views, idle, wake=idle > 0)

    async def _schedule(self, served: ServedTarget, at: float, views_done: int, idle: int, wake: bool) -> None:
        member, long_target = served.member()
        args: list[Arg] = [member, f"{at:.3f}", MAX_QUEUED, views_done, idle, int(wake), f"{served.at:.3f}"]
        args += [long_target, MAX_LONG_BYTES, served.target.host]
        metrics.sweep_dropped.inc(await self._store.run(scripts.SCHEDULE, self._keys, args))

    async def forget(self, served: ServedTarget) -> None:
        """Follow a target no longer, until it is served again."""
        await self._store.run(scripts.FORGET, self._keys, [served.member()[0]])

    async def next_time(self, served: ServedTarget) -> float | None:
        """When the target will be checked (Unix seconds); 0 if it waits in the queue, None if it is not followed."""
        (queue, later, *_), (member, _) = self._keys, served.member()
        queue += f":{served.target.host}"
        rank, at = await self._redis.zscore(queue, member), await self._redis.zscore(later, member)
        return 0.0 if rank is not None else at

    async def request_permission(self, host: str, per_second: float, limit_share: bool) -> Permission:
        """Ask whether one request may be sent to the host's origin, and charge for it if so.

        Args:
            per_second: the host's rate limit.
            limit_share: whether the share of requests among all responses limits it too.
        """
        bucket = self._store.key("{sweep}", "host", host)
        args = [per_second, int(limit_share), 0]
        answer = await self._store.run(scripts.REQUEST_PERMISSION, [self._budget, bucket], args)
        return Permission(answer.decode())

    async def charge(self, host: str, per_second: float, limit_share: bool) -> None:
        """Charge for one request that is sent whatever the limits are: later ones must wait for it.

        For the arguments see `request_permission`.
        """
        bucket = self._store.key("{sweep}", "host", host)
        await self._store.run(scripts.REQUEST_PERMISSION, [self._budget, bucket], [per_second, int(limit_share), 1])

    async def last_check(self, served: ServedTarget) -> LastCheck | None:
        text = await self._redis.get(self._checked_key(served))
        found = json.loads(text) if text else None
        return LastCheck(found["at"], found.get("etag", ""), found.get("last_modified", "")) if found else None

    async def waiting(self) -> tuple[int, dict[str, int]]:
        """How many targets wait for a check now, those that are due since the last `take` included; and how many of
        each host are in its queue."""
        total, *hosts = await self._store.run(scripts.WAITING, self._keys, [])
        return int(total), {host.decode(): int(count) for host, count in batched(hosts, 2)}

    def _checked_key(self, served: ServedTarget) -> str:
        return self._store.key("{sweep}", "checked", hashlib.blake2b(served.pack(), digest_size=16).hexdigest())


def _idle_after(served: ServedTarget) -> int:
    """Checks in a row before which the target was not served, one more having been made."""
    return 0 if served.views else served.idle + 1


def sweep_queue(config: Config, store: Store) -> SweepQueue:
    """The queue, as the placement needs it: only in front does Edgeward see responses from a cache."""
    return SweepQueue(store, sees_hits=config.proxy.placement == "front")
