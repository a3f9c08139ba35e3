"""Which replicas there are, and which version of the lists each has applied.

This is how Edgeward knows that an acknowledged change acts everywhere; docs/replication.md has the whole protocol. A
replica sends a heartbeat at least every HEARTBEAT_SECONDS; after LEASE_SECONDS without one it is silent. Whoever waits
for a change waits for live replicas, and learns the names of silent ones: a silent one may still act by older lists,
until it is back, its successor on the same machine says that it has ended, or an operator forgets it. Leases are
counted by a clock of their own (membership_scripts.py), so that no step of any machine's clock matters.

A flush request is a barrier: it asks all replicas to write to the store what they know by then (sightings that wait in
a write buffer). Its number is the time at which it was made, in microseconds. A replica that has written
acknowledges it with its next heartbeat; that acknowledges all earlier requests too. Apart from that it says up to which
flush request it has judged all responses that were unjudged by then, and how many are unjudged now. A flush request has
the version of the lists at that time: with older lists nothing counts as judged. Of pending requests, which nobody has
answered yet, a replica says the number: they are not waited for. A replica has settled a flush request when it has
judged all but what is stuck: nobody waits for that any longer, and it counts as unjudged.

What a dead replica had under way is in its journal, on its machine, and nobody has judged it. So it counts as unjudged
until another process takes that journal over, or the replica is forgotten. If its last heartbeat named nothing, the
number is not known: it is given as 0.
"""

import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, unquote

from edgeward import metrics
from edgeward.lists.replication import membership_scripts as scripts
from edgeward.store.connection import Store

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = scripts.HEARTBEAT_SECONDS
LEASE_SECONDS = 2.0
RETURN_SECONDS = 10.0
"""For so long after its last heartbeat a silent replica may only have been slow."""
FORGET_SECONDS = 600.0
"""How long a process that has ended is on record, for what it had under way; and a silent one of an earlier version."""
FLUSH_REQUESTS_KEPT = 100
"""Flush requests that are kept in the stream. A replica needs to see only the last."""
LOADING = -1
"""Reported by a replica that is not ready. It lets nothing through, and will apply all that the store holds now before
it does; so it counts as having applied that, and as having nothing to flush."""
DIVERGED = -2
"""Reported by a replica that acts on lists which are not the store's: every change waits for it."""


@dataclass(frozen=True, slots=True)
class StoreHistory:
    """What the store answers to a heartbeat: it tells a replica whether it still follows the same history.

    Attributes:
        version: the newest version in the store.
        applied_at: when the change was made that the replica applied last, Unix seconds; None if it has applied none,
            or the store does not have that change any more.
        id: of the history.
        replaced: how the history that was asked for was replaced by this one (store_loss.REFILLED or ACCEPTED); "" if
            it was not.
        store_time: by the clock of the store's server, Unix seconds.
        clock: the lease clock, as the store wrote it.
        comings: how often a replica came on record or left it.
    """

    version: int
    applied_at: float | None
    id: str = ""
    replaced: str = ""
    store_time: float = 0.0
    clock: str = ""
    comings: int = 0


class RecordLost(Exception):
    """The store does not have the last heartbeat of this replica any more: it has an older state, and may have lost the
    record of others too."""


@dataclass(frozen=True, slots=True, order=True)
class LiveReplica:
    """A live replica: the version that it reported last, or DIVERGED, and how many seconds ago."""

    id: str
    version: int
    age: float


class MemberState(StrEnum):
    LIVE = "live"
    SILENT = "silent"
    """Not heard from for longer than its lease, and it has not ended as far as anybody knows."""
    ENDED = "ended"
    """It has left requests in its journal, which nobody has taken over yet."""


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """A replica on record: the version that it reported last, and seconds since its last heartbeat, or its end."""

    id: str
    version: int
    age: float
    state: MemberState


@dataclass(frozen=True, slots=True, order=True)
class SilentReplica:
    """A replica that was not heard from for so many seconds. It may still act by the lists that it had then."""

    name: str
    seconds: float


class Laggards(list[str]):
    """Names, sorted, of live replicas that have not applied a version, or not acknowledged a flush request.

    Attributes:
        silent: the silent replicas that had not when they were last heard from.
    """

    def __init__(self, names: Iterable[str] = (), silent: Sequence[SilentReplica] = ()) -> None:
        super().__init__(names)
        self.silent = silent

    @property
    def may_return(self) -> bool:
        """Whether a silent one may only have been slow, and be back soon."""
        return any(each.seconds < RETURN_SECONDS for each in self.silent)


class UnjudgedByReplica(dict[str, int]):
    """By replica, how many responses it has still to judge; 0: it has named none, and may have some.

    Attributes:
        is_stuck: all of them are stuck, so nobody waits for them.
        hosts: of these, each once.
        names_all_hosts: there are none at other hosts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_stuck = self.names_all_hosts = True
        self.hosts: dict[str, None] = {}


class Membership:
    """The replicas that have sent heartbeats."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._replicas = store.key("{blocklist}", "replicas")
        self._version, self._history = store.key("{blocklist}", "version"), store.key("{blocklist}", "history")
        self._left = store.key("{blocklist}", "left-replicas")
        self._keys = (self._replicas, self._history)
        self.flush_requests = store.key("{blocklist}", "questions")
        """Key of the stream of flush requests."""

    async def heartbeat(
        self,
        name: str,
        reported: int,
        applied: int | None = None,
        acknowledged: int = 0,
        judged: int | None = None,
        open_count: int = 0,
        asked_history: str = "",
        open_seconds: float = 0.0,
        under_way: int = 0,
        journal: str = "-",
        pending: int = 0,
        hosts: Sequence[str] = (),
        settled: int | None = None,
        stuck: int = 0,
        elsewhere: int = 0,
        applied_at: float | None = None,
        clock: str = "",
    ) -> StoreHistory:
        """Say that the replica `name` is alive.

        Args:
            reported: the version that it reports, or LOADING or DIVERGED.
            applied: the version that it has applied, if that is not the one reported.
            acknowledged: the last flush request that it has carried out.
            judged: the last flush request since which it has judged all that was unjudged; None: the same.
            open_count: how many responses are unjudged now, without the pending ones.
            asked_history: id of a history; the answer says whether it was replaced.
            open_seconds: for how long the oldest of those has been unjudged.
            under_way: how many requests the journal has.
            journal: name of the journal with the requests that are under way.
            pending: how many requests nobody has answered yet.
            hosts: of the unjudged responses.
            settled: the last flush request since which it has judged all but what is stuck; None: as `judged`.
            stuck: how many requests that is.
            elsewhere: how many of the unjudged responses are at other hosts than `hosts`.
            applied_at: when the change was made that it has applied last, Unix seconds; None if it does not know. If
                the store has another change of that version, the replica counts as DIVERGED.
            clock: the lease clock that the store answered to its last heartbeat; "" if it does not know.

        Raises:
            RecordLost: the store has lost that heartbeat. It did nothing.
        """
        applied = reported if applied is None else applied
        judged = acknowledged if judged is None else judged
        args = (
            name, reported, applied, acknowledged, judged, open_count, secrets.token_hex(8), asked_history,
            f"{open_seconds:.3f}", max(open_count, under_way), pending,
            ",".join(quote(host, safe="", errors="surrogatepass") for host in hosts if host) or "-", journal,
            judged if settled is None else settled, stuck, elsewhere,
            "" if applied_at is None else f"{applied_at:.6f}", clock,
        )  # fmt: skip
        changes = self._store.key("{blocklist}", "changes")
        keys = (self._replicas, self._version, changes, self._history, self.flush_requests, self._left)
        answer = await self._store.run(scripts.HEARTBEAT, keys, args)
        if not answer:
            raise RecordLost
        return _history_of(answer)

    async def members(self) -> list[Member]:
        """All replicas on record, by name."""
        found = await self._store.run(scripts.MEMBERS, self._keys, (LEASE_SECONDS, FORGET_SECONDS))
        members = zip(*[iter(found)] * 4, strict=True)
        return sorted(Member(id_.decode(), int(version), float(age), MemberState(state.decode()))
                      for id_, version, age, state in members)  # fmt: skip

    async def live_replicas(self) -> list[LiveReplica]:
        """The replicas that are alive, by name."""
        members = await self.members()
        return [LiveReplica(each.id, each.version, each.age) for each in members if each.state is MemberState.LIVE]

    async def silent_replicas(self) -> list[SilentReplica]:
        """The silent ones, by name, whatever they have applied."""
        members = await self.members()
        return [SilentReplica(each.id, each.age) for each in members if each.state is MemberState.SILENT]

    async def leave(self, name: str, under_way: int = 0) -> None:
        """The replica `name` ends: it is not waited for any more. `under_way`: requests that it leaves in its journal,
        which count as unjudged."""
        await self._store.run(scripts.END, (*self._keys, self._left), (under_way, name))

    async def note_ended(self, names: Sequence[str]) -> None:
        """The processes of these replicas are known to have ended. What one with a journal left counts as unjudged."""
        await self._store.run(scripts.END, (*self._keys, self._left), ("", *names))

    async def forget(self, names: Sequence[str]) -> list[str]:
        """Forget these replicas, on an operator's word that they serve nothing. Returns the names of those that were
        forgotten: a live one is not."""
        forgotten = await self._store.run(scripts.FORGET, (*self._keys, self._left), (LEASE_SECONDS, *names))
        return sorted(name.decode() for name in forgotten)

    async def forget_journals(self, journals: Sequence[str]) -> None:
        """The requests of dead replicas with these journals were taken over: they are counted elsewhere now."""
        await self._store.run(scripts.FORGET_JOURNALS, self._keys[:1], journals)

    async def restore(self, journals: Mapping[str, str]) -> list[str]:
        """Put replicas on record again that the store has lost. They lag until they are heard from.

        `journals`: by name, the journal, or "-". Returns the names of those that were not on record, and had not left.
        """
        args = [text for pair in journals.items() for text in pair]
        restored = await self._store.run(scripts.RESTORE, (*self._keys, self._left), args)
        return sorted(name.decode() for name in restored)

    async def journals(self) -> dict[str, str]:
        """By name of each replica on record that has not ended, its journal, or "-". Those of earlier versions are left
        out."""
        redis: Any = self._store.redis
        found = {name.decode(): value.decode().split() for name, value in (await redis.hgetall(self._replicas)).items()}
        return {name: fields[-1] for name, fields in found.items() if len(fields) > 13 and float(fields[12]) >= 0}

    async def laggards(self, version: int, flush_request: int = 0, asker: str = "", clock: str = "") -> Laggards:
        """The replicas that may let something through by lists older than `version`, or have not acknowledged a flush
        request.

        Args:
            asker: the replica of this process, if it has one. If the store has lost its last heartbeat, to which it
                answered this lease `clock`, it is among them.
        """
        args = (LEASE_SECONDS, FORGET_SECONDS, version, flush_request, asker, clock)
        late, silent = await self._store.run(scripts.LAGGARDS, (*self._keys, self._version, self._left), args)
        pairs = zip(silent[::2], silent[1::2], strict=True)
        return Laggards(
            sorted(name.decode() for name in late),
            sorted(SilentReplica(name.decode(), float(seconds)) for name, seconds in pairs),
        )

    async def unjudged(self, flush_request: int) -> UnjudgedByReplica:
        """By replica that has not yet judged all that was unjudged when it read this flush request, or died with
        requests under way: how many responses it has to judge. 0: it has named none, and may have some."""
        return await self._count_unjudged(flush_request, "")

    async def unjudged_before(self, at: float) -> UnjudgedByReplica:
        """By replica, how many responses are unjudged now, where the first was found to be before `at` (Unix
        seconds)."""
        return await self._count_unjudged("", f"{at:.3f}")

    async def _count_unjudged(self, flush_request: int | str, before: str) -> UnjudgedByReplica:
        args = (LEASE_SECONDS, FORGET_SECONDS, flush_request, before)
        found = await self._store.run(scripts.UNJUDGED, self._keys, args)
        counts = UnjudgedByReplica()
        for name, count, is_settled, names_all, hosts in zip(*[iter(found)] * 5, strict=True):
            counts[name.decode()] = int(count)
            counts.is_stuck &= bool(is_settled)
            counts.names_all_hosts &= bool(names_all)
            texts = [] if hosts == b"-" else hosts.decode().split(",")
            counts.hosts.update(dict.fromkeys(unquote(text, errors="surrogatepass") for text in texts))
        return counts

    async def pending(self) -> int:
        """How many requests nobody has answered yet, in all live replicas: no cache can have stored a response."""
        return int(await self._store.run(scripts.PENDING, self._keys, (LEASE_SECONDS,)))

    async def note_clock_step(self, seconds: float, at: float) -> None:
        """The clock of the store's server was stepped. `at`: what it showed after that, Unix seconds."""
        redis: Any = self._store.redis
        await redis.hset(self._history, mapping={"stepped_at": f"{at:.3f}", "stepped_by": f"{seconds:.3f}"})

    async def last_clock_step(self) -> tuple[float, float] | None:
        """When the clock of the store's server was stepped last, Unix seconds as it showed after that, and by how many
        seconds; None: never."""
        redis: Any = self._store.redis
        at, seconds = await redis.hmget(self._history, "stepped_at", "stepped_by")
        return (float(at), float(seconds)) if at and seconds else None

    async def note_restored(self) -> None:
        """The store has an older state than before: it was restored, or another server took over."""
        redis: Any = self._store.redis
        await redis.hset(self._history, "restored_at", f"{self._store.clock.now():.3f}")

    async def restored_at(self) -> float | None:
        """When that was noticed last, Unix seconds by the store's clock; None: never."""
        redis: Any = self._store.redis
        at = await redis.hget(self._history, "restored_at")
        return float(at) if at else None

    async def request_flush(self) -> int:
        """Ask all replicas to write to the store what they know by now, and to judge by the lists of now. Returns the
        number of the request."""
        redis: Any = self._store.redis
        version = int(await redis.get(self._version) or 0)
        added = await redis.xadd(self.flush_requests, {"version": version}, maxlen=FLUSH_REQUESTS_KEPT)
        return flush_request_id(added)


def _history_of(answer: Sequence[Any]) -> StoreHistory:
    """The answer to a heartbeat. It may name a silent replica that was dropped, as too many are on record."""
    version, at, history, replaced, now, dropped, clock, comings = answer
    if dropped:
        metrics.silent_processes_dropped.inc()
        logger.error("too many silent processes: %s is not named any more", dropped.decode())
    changed_at, how = float(at) if at else None, (replaced or b"").decode()
    return StoreHistory(version, changed_at, history.decode(), how, float(now), clock.decode(), comings)


def flush_request_id(record_id: bytes) -> int:
    """The number of a flush request, by the id of its record in the stream ("<milliseconds>-<serial number>")."""
    milliseconds, _, serial = record_id.decode().partition("-")
    return int(milliseconds) * 1000 + int(serial)
