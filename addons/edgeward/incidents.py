"""Incidents, for people: images that were blocked, would have been blocked, or need a review."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from edgeward.store.connection import Store
from edgeward.types import Decision, Incident, Reason, Target, View

MAX_INCIDENTS = 100_000
"""About this many are kept; the oldest are dropped."""
INCIDENTS_PER_READ = 1000
MAX_CLOCK_SKEW_SECONDS = 60.0
"""Maximum difference of the clocks of the store and of the process that listed an entry."""


class Incidents:
    """The latest incidents, in one Redis stream."""

    def __init__(self, store: Store) -> None:
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._stream = store.key("incidents")

    async def add(self, incidents: Sequence[Incident]) -> None:
        """Record incidents. The store gives each its `id`."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for incident in incidents:
                data = asdict(incident)
                del data["id"]
                pipe.xadd(self._stream, {"incident": json.dumps(data, separators=(",", ":"))}, maxlen=MAX_INCIDENTS)
            await pipe.execute()

    async def recent(self, limit: int = 100) -> list[Incident]:
        """The latest `limit` incidents, newest first."""
        items = await self._redis.xrevrange(self._stream, count=limit)
        return [replace(_incident(fields[b"incident"]), id=incident_id.decode()) for incident_id, fields in items]

    async def first(self, entry_id: str, since: float) -> Incident | None:
        """The oldest incident still kept of an entry that was listed at `since` (Unix seconds), or None."""
        # Stream ids are the store's time in milliseconds, so the search can start at the listing.
        start = f"{max(0, int((since - MAX_CLOCK_SKEW_SECONDS) * 1000))}-0"
        id_bytes = entry_id.encode()
        while items := await self._redis.xrange(self._stream, start, "+", count=INCIDENTS_PER_READ):
            for incident_id, fields in items:
                # Comparing bytes first spares parsing the JSON of nearly all others.
                if id_bytes not in fields[b"incident"]:
                    continue
                incident = _incident(fields[b"incident"])
                if incident.entry_id == entry_id:
                    return replace(incident, id=incident_id.decode())
            start = f"({items[-1][0].decode()}"
        return None


def _incident(text: bytes) -> Incident:
    data = json.loads(text)
    decision, reason = Decision(data.pop("decision")), Reason(data.pop("reason"))
    target, view = Target.from_dict(data.pop("target")), View(data.pop("view", View.STORED))
    return Incident(decision=decision, reason=reason, target=target, view=view, **data)
