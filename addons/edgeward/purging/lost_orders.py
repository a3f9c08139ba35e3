"""Orders for hosts of lost sightings that follow from more than one entry: all of a list, or of every list.

{purges}:lost:<list>  sorted set of "since order": the order counts for the entries of the list that were added between
                      `since` and the score, Unix seconds; list "": for those of every list
{purges}:lost-lists   set of the names of these lists

What is noted goes with its order (old_orders.py). Nothing here expires: receipts are read from it.
"""

import math
from collections.abc import Sequence
from itertools import batched
from typing import Any

from edgeward.store.connection import Arg, Store

CLOCK_SECONDS = 60.0
"""By so much the clocks of two machines may differ."""
EVERY_LIST = ""
MEMBERS_PER_COMMAND = 1000

# KEYS: set, names of lists. ARGV: name of the list, until, members
_NOTE = """
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[i]) end
-- Earlier releases wrote sets that expire.
redis.call('PERSIST', KEYS[1])
redis.call('SADD', KEYS[2], ARGV[1])
"""

# KEYS: set, names of lists. ARGV: name of the list, members that go
_FORGET = """
if #ARGV > 1 then redis.call('ZREM', KEYS[1], unpack(ARGV, 2)) end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end
"""


class LostOrders:
    """These orders in the store."""

    def __init__(self, store: Store) -> None:
        self._store, self._lists = store, store.key("{purges}", "lost-lists")
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    async def note(self, list_name: str, since: float, until: float, order_ids: Sequence[str]) -> None:
        """Note durably that the orders count for the entries of a list that were added between two times."""
        if order_ids:
            members = [f"{since:.3f} {order_id}" for order_id in order_ids]
            args: list[Arg] = [list_name, f"{until:.3f}", *members]
            await self._store.run_durably(_NOTE, [self._key(list_name), self._lists], args)

    async def forget_before(self, milliseconds: int) -> None:
        """Forget the orders that were placed before then, in Unix milliseconds as their ids have it."""
        for name in await self._redis.smembers(self._lists):
            key = self._key(name.decode())
            members = await self._redis.zrange(key, 0, -1)
            old = [each for each in members if int(each.partition(b" ")[2].partition(b"-")[0]) < milliseconds]
            for some in batched(old, MEMBERS_PER_COMMAND):
                await self._store.run_even_if_full(_FORGET, [key, self._lists], [name, *some])
            if not members:
                await self._store.run_even_if_full(_FORGET, [key, self._lists], [name])

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
