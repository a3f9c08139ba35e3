"""Incidents, for people: images that were blocked, would have been blocked, or need a review.

incidents       stream of incidents: "incident" as JSON, and as fields beside it what earlier versions do not know
incidents:hits  id of an incident -> number of requests that it stands for, if that has grown since it was written
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from edgeward.store.connection import Store
from edgeward.types import Decision, Incident, Reason, Target, View

MAX_INCIDENTS = 100_000
"""About this many are kept; the oldest are dropped."""
MAX_COUNTED = MAX_INCIDENTS + MAX_INCIDENTS // 10
"""Incidents whose hits are stored. Above that, those of dropped incidents are removed."""
INCIDENTS_PER_READ = 1000
MAX_CLOCK_SKEW_SECONDS = 60.0
"""Maximum difference of the clocks of the store and of the process that listed an entry."""


class Incidents:
    """The latest incidents, in one Redis stream."""

    def __init__(self, store: Store) -> None:
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._store = store
        self._stream = store.key("incidents")
        self._hits = store.key("incidents", "hits")

    async def add(self, incidents: Sequence[Incident]) -> list[str]:
        """Record incidents. Returns the `id` that the store gives to each."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for incident in incidents:
                pipe.xadd(self._stream, _fields(incident), maxlen=MAX_INCIDENTS)
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
                incident = _incident(item[1])
                if incident.entry_id == entry_id and decision in (None, incident.decision):
                    return (await self._parse([item]))[0]
            start = f"({items[-1][0].decode()}"
        return None

    async def _parse(self, items: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> list[Incident]:
        """Items of the stream as incidents, each with its hits."""
        if not items:
            return []
        counts = await self._redis.hmget(self._hits, [incident_id for incident_id, _ in items])
        found = [(incident_id.decode(), _incident(each)) for incident_id, each in items]
        return [
            replace(incident, id=incident_id, hits=max(incident.hits, int(count or 0)))
            for (incident_id, incident), count in zip(found, counts, strict=True)
        ]

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


def _order(incident_id: bytes) -> tuple[int, int]:
    milliseconds, _, number = incident_id.partition(b"-")
    return int(milliseconds), int(number)


def _fields(incident: Incident) -> dict[str, str | int]:
    data = asdict(incident)
    del data["id"]
    # Not in the JSON, where earlier versions do not accept unknown keys: machines are upgraded one after another.
    hits, act = data.pop("hits"), data.pop("act")
    return {"incident": json.dumps(data, separators=(",", ":")), "hits": hits, "act": act}


def _incident(stored: Mapping[bytes, bytes]) -> Incident:
    data = json.loads(stored[b"incident"])
    decision, reason = Decision(data.pop("decision")), Reason(data.pop("reason"))
    target, view = Target.from_dict(data.pop("target")), View(data.pop("view", View.STORED))
    hits, act = int(stored.get(b"hits", 1)), stored.get(b"act", b"").decode()
    return Incident(decision=decision, reason=reason, target=target, view=view, hits=hits, act=act, **data)
