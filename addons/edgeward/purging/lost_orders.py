"""Orders for hosts of lost sightings that follow from more than one entry: all of a list, or of every list.

{purges}:lost:<list>  sorted set of "since order": the order counts for the entries of the list that were added between
                      `since` and the score, Unix seconds; list "": for those of every list
"""

import math
from collections.abc import Sequence
from typing import Any

from edgeward.store.connection import Arg, Store

CLOCK_SECONDS = 60.0
"""By so much the clocks of two machines may differ."""
KEEP_SECONDS = 90 * 86400
EVERY_LIST = ""

# What is older than the first order that is kept goes.
# KEYS: set, stream of orders. ARGV: keep in seconds, until, members
_NOTE = """
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if first then redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. tonumber(string.match(first[1], '%d+')) / 1000) end
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""


class LostOrders:
    """These orders in the store. `stream`: key of the stream of all orders."""

    def __init__(self, store: Store, stream: str) -> None:
        self._store, self._stream = store, stream
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    async def note(self, list_name: str, since: float, until: float, order_ids: Sequence[str]) -> None:
        """Note durably that the orders count for the entries of a list that were added between two times."""
        if order_ids:
            members = [f"{since:.3f} {order_id}" for order_id in order_ids]
            args: list[Arg] = [KEEP_SECONDS, f"{until:.3f}", *members]
            await self._store.run_durably(_NOTE, [self._key(list_name), self._stream], args)

    async def of_list(self, list_name: str, earliest: float, latest: float = math.inf) -> list[str]:
        """Ids of the orders that count for entries of a list added between two times, each once."""
        found: set[str] = set()
        for key in dict.fromkeys((self._key(list_name), self._key(EVERY_LIST))):
            for member in await self._redis.zrangebyscore(key, earliest - CLOCK_SECONDS, "+inf"):
                since, _, order_id = member.decode().partition(" ")
                if float(since) <= latest + CLOCK_SECONDS:
                    found.add(order_id)
        return list(found)

    def _key(self, list_name: str) -> str:
        return self._store.key("{purges}", "lost", list_name)
