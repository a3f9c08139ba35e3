"""Incidents, for people: what was blocked, or would have been."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from edgeward.store.connection import Store
from edgeward.types import Decision, Incident, Reason, Target

KEPT = 100_000
"""About so many are kept; older ones go."""


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


def _incident(text: bytes) -> Incident:
    data = json.loads(text)
    decision, reason = Decision(data.pop("decision")), Reason(data.pop("reason"))
    return Incident(decision=decision, reason=reason, target=Target.from_dict(data.pop("target")), **data)
