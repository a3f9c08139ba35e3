"""What is on record of the orders of one cache, when more is about to be written.

A cache that is written off and configured again under its name, or whose consumer group was lost, is owed every order
on record once more: the cache may be another one, with copies. But what was carried out before is proof, and stays: the
new run is written as a repeat is, which changes an outcome only by copies that it removed.

{purges}:replaced  hash: cache -> how many outcomes new runs have changed
"""

import json
from collections.abc import Sequence
from typing import Any

from edgeward.purging.codec import outcomes_from_dict
from edgeward.store.connection import Store
from edgeward.types import Outcome

# KEYS: stream. ARGV: cache, prefix of outcome keys, ids of orders -> rows [id, outcome] as JSON of those that have one
_GET = """
local rows = {}
for i = 3, #ARGV do
  local outcome = redis.call('HGET', ARGV[2] .. ARGV[i], ARGV[1])
  if outcome then rows[#rows + 1] = '["' .. ARGV[i] .. '",' .. outcome .. ']' end
end
return '[' .. table.concat(rows, ',') .. ']'
"""


class RecordedOutcomes:
    """The outcomes of all orders. `stream`: key of the orders; `outcomes`: prefix of the keys of their outcomes.

    Attributes:
        replaced: the key of how many outcomes new runs have changed.
    """

    def __init__(self, store: Store, stream: str, outcomes: str) -> None:
        self._store, self._stream, self._outcomes = store, stream, outcomes
        self.replaced = store.key("{purges}", "replaced")

    async def of(self, cache: str, order_ids: Sequence[str]) -> dict[str, Outcome]:
        """The outcomes of these orders at this cache, by order. Those without one are left out."""
        if not order_ids:
            return {}
        rows = json.loads(await self._store.run(_GET, [self._stream], [cache, self._outcomes, *order_ids]))
        return {order_id: outcomes_from_dict(order_id, {cache: data})[cache] for order_id, data in rows}

    async def versions(self, caches: Sequence[str]) -> list[str]:
        """For each of these caches where new runs changed outcomes, a text that is new whenever more are changed."""
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        redis: Any = self._store.redis
        counts = await redis.hmget(self.replaced, caches) if caches else []
        return [f"{name}#{count.decode()}" for name, count in zip(caches, counts, strict=True) if count]
