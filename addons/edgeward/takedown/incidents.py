"""Incidents, for people: what was blocked, or would have been, or is to be reviewed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from edgeward.store.connection import Store
from edgeward.types import Decision, Incident, Reason, Target, View

KEPT = 100_000
"""About so many are kept; older ones go."""
READ_AT_ONCE = 1000
CLOCKS_SECONDS = 60.0
"""How far the clocks of the store and of whoever listed an entry may be apart."""


class Incidents:
    """The latest incidents, in a stream."""

    def __init__(self, store: Store) -> None:
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._stream = store.key("incidents")

    async def add(self, incidents: Sequence[Incident]) -> None:
        """Record incidents. Their `id` is given by the store."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for incident in incidents:
                data = asdict(incident)
                del data["id"]
                pipe.xadd(self._stream, {"incident": json.dumps(data, separators=(",", ":"))}, maxlen=KEPT)
            await pipe.execute()

    async def recent(self, limit: int = 100) -> list[Incident]:
        """The latest `limit` incidents, newest first."""
        found = await self._redis.xrevrange(self._stream, count=limit)
        return [replace(_incident(fields[b"incident"]), id=incident_id.decode()) for incident_id, fields in found]

    async def first(self, entry_id: str, since: float) -> Incident | None:
        """The first incident of an entry that is listed since then (Unix seconds), or None; of those that are kept."""
        wanted, start = entry_id.encode(), f"{max(0, int((since - CLOCKS_SECONDS) * 1000))}-0"
        while found := await self._redis.xrange(self._stream, start, "+", count=READ_AT_ONCE):
            for incident_id, fields in found:
                if wanted in fields[b"incident"] and (made := _incident(fields[b"incident"])).entry_id == entry_id:
                    return replace(made, id=incident_id.decode())
            start = f"({found[-1][0].decode()}"
        return None


def _incident(text: bytes) -> Incident:
    data = json.loads(text)
    decision, reason = Decision(data.pop("decision")), Reason(data.pop("reason"))
    target, view = Target.from_dict(data.pop("target")), View(data.pop("view", View.STORED))
    return Incident(decision=decision, reason=reason, target=target, view=view, **data)
