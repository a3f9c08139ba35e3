"""Why orders wait: the last failed attempt of each order at each cache that does not carry it out yet.

Only what a controller holds is tried, so a hash has at most as many fields as controllers hold purges of that cache.
"""

import json
from collections.abc import Sequence
from typing import Any

from edgeward.background.readable_records import readable
from edgeward.purging.codec import outcome_to_json, outcomes_from_dict
from edgeward.store.connection import Store
from edgeward.types import Outcome

# An order that was carried out meanwhile is not noted.
# KEYS: failed attempts of this cache. ARGV: cache, prefix of outcome keys, then id and attempt of each order
_NOTE = """
for i = 3, #ARGV, 2 do
  if redis.call('HEXISTS', ARGV[2] .. ARGV[i], ARGV[1]) == 0 then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
"""


class FailedAttempts:
    """The failed attempts of all caches. `outcomes`: prefix of the keys of the outcomes of orders."""

    def __init__(self, store: Store, outcomes: str) -> None:
        self._store, self._outcomes = store, outcomes
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    def key(self, cache: str) -> str:
        return self._store.key("{purges}", "waiting", cache)

    async def note(self, cache: str, failures: Sequence[Outcome]) -> None:
        """Record the last attempt of each of these orders, in place of the one before."""
        if failures:
            pairs = [text for each in failures for text in (each.order_id, outcome_to_json(each))]
            await self._store.run(_NOTE, [self.key(cache)], [cache, self._outcomes, *pairs])

    async def of(self, order_ids: Sequence[str], caches: Sequence[str]) -> dict[str, dict[str, Outcome]]:
        """By order and cache, the last failed attempt of orders that wait."""
        found: dict[str, dict[str, Outcome]] = {}
        if not order_ids or not caches:
            return found
        async with self._store.pipeline() as pipe:
            for cache in caches:
                pipe.hmget(self.key(cache), order_ids)
            answers = await pipe.execute()
        for cache, texts in zip(caches, answers, strict=True):
            for order_id, text in zip(order_ids, texts, strict=True):
                for data in readable("outcome", [text] if text else [], json.loads):
                    found.setdefault(order_id, {}).update(outcomes_from_dict(order_id, {cache: data}))
        return found
