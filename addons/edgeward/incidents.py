"""Incidents, for people: images that were blocked, would have been blocked, or need a review.

incidents       stream of incidents: "incident" as JSON, and as fields beside it what earlier versions do not know
                A long target is in "target", packed as in sightings/codec.py; "incident" has the beginning of its path.
incidents:hits  id of an incident -> number of requests that it stands for, if that has grown since it was written
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from edgeward import metrics
from edgeward.background.readable_records import readable
from edgeward.sightings.codec import LONG_BYTES, pack_target, unpack_target
from edgeward.sightings.store_memory import StoreMemory
from edgeward.store.connection import Store
from edgeward.types import Decision, Incident, Reason, Target, View
from edgeward.types.later_releases import check_version, known_or

MAX_INCIDENTS = 100_000
"""About this many are kept; the oldest are dropped."""
MAX_COUNTED = MAX_INCIDENTS + MAX_INCIDENTS // 10
"""Incidents whose hits are stored. Above that, those of dropped incidents are removed."""
MAX_BYTES = 64 * 1024 * 1024
"""Memory of the store that they may take; of more, the oldest are dropped."""
MEMORY_SHARE = 1 / 16
"""They may take no larger part than this of what the store's memory has for sightings."""
MIN_INCIDENTS = 100
"""The latest are kept, whatever they take."""
PATH_CHARACTERS = 256
"""Of a long target's path that are in "incident"."""
INCIDENTS_PER_READ = 1000
MAX_CLOCK_SKEW_SECONDS = 60.0
"""Maximum difference of the clocks of the store and of the process that listed an entry."""


# Trims to what fits, as far as the average of all tells, with a tenth to spare. Returns the number dropped.
# KEYS: stream. ARGV: bytes, number that is kept in any case
_TRIM = """
local used, length = redis.call('MEMORY', 'USAGE', KEYS[1]) or 0, redis.call('XLEN', KEYS[1])
if used <= tonumber(ARGV[1]) then return 0 end
local kept = math.max(tonumber(ARGV[2]), math.floor(length * 0.9 * tonumber(ARGV[1]) / used))
return redis.call('XTRIM', KEYS[1], 'MAXLEN', kept)
"""


class Incidents:
    """The latest incidents, in one Redis stream.

    Args:
        memory: of the store; None: only MAX_BYTES limits them.

    Attributes:
        clock: that of the store.
    """

    def __init__(self, store: Store, memory: StoreMemory | None = None) -> None:
        self._memory = memory
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._store, self.clock = store, store.clock
        self._stream = store.key("incidents")
        self._hits = store.key("incidents", "hits")

    async def add(self, incidents: Sequence[Incident]) -> list[str]:
        """Record incidents; the oldest are dropped if all take too much. Returns the `id` that each gets."""
        # First: a caller that gets an error adds the same again.
        trim = [await self._max_bytes(), MIN_INCIDENTS]
        metrics.incidents_trimmed.inc(await self._store.run_even_if_full(_TRIM, [self._stream], trim))
        async with self._redis.pipeline(transaction=False) as pipe:
            for incident in incidents:
                # It has the time of the machine that saw it, which is perhaps wrong.
                pipe.xadd(
                    self._stream, _fields(replace(incident, at=self.clock.of_local(incident.at))), maxlen=MAX_INCIDENTS
                )
            return [incident_id.decode() for incident_id in await pipe.execute()]

    async def set_hits(self, hits: Mapping[str, int]) -> None:
        """Set the number of requests that incidents stand for, by id."""
        async with self._store.pipeline() as pipe:
            pipe.hset(self._hits, mapping=dict(hits))
            pipe.hlen(self._hits)
            _, count = await pipe.execute()
        if count > MAX_COUNTED:
            await self._remove_old_hits()

    async def recent(self, limit: int = 100) -> list[Incident]:
        """The latest `limit` incidents, newest first."""
        return await self._parse(await self._redis.xrevrange(self._stream, count=limit))

    async def since(self, after: str, limit: int) -> tuple[list[Incident], str]:
        """Up to `limit` incidents after a position ("" begins with the oldest), oldest first, and the position of the
        last one. Those that can't be read are left out."""
        items = await self._redis.xrange(self._stream, f"({after}" if after else "-", "+", count=limit)
        return await self._parse(items), items[-1][0].decode() if items else after

    async def first(self, entry_id: str, since: float, decision: Decision | None = None) -> Incident | None:
        """The oldest incident still kept of an entry that was listed at `since` (Unix seconds), or None.

        `decision`: only of incidents with this decision; None takes any.
        """
        # Stream ids are the store's time in milliseconds, so the search can start at the listing.
        start = f"{max(0, int((since - MAX_CLOCK_SKEW_SECONDS) * 1000))}-0"
        id_bytes = entry_id.encode()
        while items := await self._redis.xrange(self._stream, start, "+", count=INCIDENTS_PER_READ):
            for item in items:
                # Comparing bytes first spares parsing the JSON of nearly all others.
                if id_bytes not in item[1][b"incident"]:
                    continue
                (incident,) = readable("incident", [item[1]], _incident) or (None,)
                if incident and incident.entry_id == entry_id and decision in (None, incident.decision):
                    return (await self._parse([item]))[0]
            start = f"({items[-1][0].decode()}"
        return None

    async def _parse(self, items: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> list[Incident]:
        """Items of the stream as incidents, each with its hits."""
        if not items:
            return []
        counts = await self._redis.hmget(self._hits, [incident_id for incident_id, _ in items])

        def read(item: tuple[tuple[bytes, Mapping[bytes, bytes]], bytes | None]) -> Incident:
            (incident_id, stored), count = item
            incident = _incident(stored)
            return replace(incident, id=incident_id.decode(), hits=max(incident.hits, int(count or 0)))

        return readable("incident", zip(items, counts, strict=True), read)

    async def _max_bytes(self) -> int:
        if self._memory is None or not (limit := (await self._memory.recent_use()).limit):
            return MAX_BYTES
        return min(MAX_BYTES, int(limit * MEMORY_SHARE))

    async def _remove_old_hits(self) -> None:
        """Remove the hits of incidents that are dropped from the stream."""
        oldest = await self._redis.xrange(self._stream, count=1)
        if not oldest:
            return
        first, cursor = _order(oldest[0][0]), 0
        while True:
            cursor, found = await self._redis.hscan(self._hits, cursor, count=INCIDENTS_PER_READ)
            if old := [incident_id for incident_id in found if _order(incident_id) < first]:
                await self._redis.hdel(self._hits, *old)
            if not cursor:
                return


_FIELDS = tuple(each.name for each in fields(Incident))


def _order(incident_id: bytes) -> tuple[int, int]:
    milliseconds, _, number = incident_id.partition(b"-")
    return int(milliseconds), int(number)


def _fields(incident: Incident) -> dict[str, str | int | bytes]:
    data = asdict(incident)
    del data["id"]
    # Not in the JSON, where earlier versions do not accept unknown keys: machines are upgraded one after another.
    hits, act = data.pop("hits"), data.pop("act")
    beside: dict[str, str | int | bytes] = {"hits": hits, "act": act}
    source_id, tags = data.pop("source_id"), data.pop("tags")
    if source_id or tags:
        beside["source"] = json.dumps([source_id, tags], separators=(",", ":"))
    if incident.target.length >= LONG_BYTES:
        beside["target"] = pack_target(incident.target)
        data["target"] |= {"path": incident.target.path[:PATH_CHARACTERS], "vary": ()}
    return {"incident": json.dumps(data, separators=(",", ":")), **beside}


def _incident(stored: Mapping[bytes, bytes]) -> Incident:
    """Raises LaterRelease or another of DECODE_ERRORS for an incident that this release can't read."""
    found = json.loads(stored[b"incident"])
    check_version(found, "an incident")
    data = {name: found[name] for name in _FIELDS if name in found}
    decision, reason = Decision(data.pop("decision")), Reason(data.pop("reason"))
    target, view = Target.from_dict(data.pop("target")), known_or(data.pop("view", View.STORED), View.STORED)
    if packed := stored.get(b"target"):
        target = unpack_target(packed)
    data |= {"hits": int(stored.get(b"hits", 1)), "act": stored.get(b"act", b"").decode()}
    source_id, tags = json.loads(stored.get(b"source", b'["", []]'))
    data |= {"source_id": source_id, "tags": tuple(tags)}
    return Incident(decision=decision, reason=reason, target=target, view=view, **data)
