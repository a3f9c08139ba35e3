"""Forgets orders that are old, and that no cache owes any more, with what is noted of them."""

from collections.abc import Callable, Sequence

from edgeward.background.consumer_group import ConsumerGroup
from edgeward.purging.cache_nodes import Nodes, first_id_at, id_numbers
from edgeward.purging.lost_orders import LostOrders
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.purging.shared_orders import SharedOrders
from edgeward.store.connection import Arg, Store

ORDERS_PER_COMMAND = 500
CONSUMER_SECONDS = 86400.0
"""A controller that has been silent for this long and holds no order is forgotten."""

# KEYS: stream, orders for unjudged responses, those of them that nobody answered, refused orders of each cache
# ARGV: first id that stays, prefix of outcome keys, count, prefix of the keys with the orders of an entry
_TRIM = """
local items = redis.call('XRANGE', KEYS[1], '-', '(' .. ARGV[1], 'COUNT', ARGV[3])
if #items == 0 then return 0 end
local ids, outcomes = {}, {}
for i, item in ipairs(items) do
  ids[i], outcomes[i] = item[1], ARGV[2] .. item[1]
  local entry = string.match(item[2][2], '"entry_id":"(%x+)"')
  if entry then redis.call('SREM', ARGV[4] .. entry, item[1]) end
end
redis.call('DEL', unpack(outcomes))
for i = 2, #KEYS do redis.call('SREM', KEYS[i], unpack(ids)) end
return redis.call('XTRIM', KEYS[1], 'MAXLEN', redis.call('XLEN', KEYS[1]) - #items)
"""


class OldOrders:
    """Trims the stream of orders.

    Args:
        stream: its key.
        outcomes, entries: prefixes of the keys with the outcomes of an order, and with the orders of an entry.
        unjudged: keys of the sets of orders for unjudged responses.
        refused: the key of the set of orders that a cache refuses.
        notes: what is kept besides of the orders.
    """

    def __init__(
        self,
        store: Store,
        stream: str,
        outcomes: str,
        entries: str,
        unjudged: Sequence[str],
        refused: Callable[[str], str],
        nodes: Nodes,
        clock: ScheduleClock,
        notes: Sequence[SharedOrders | LostOrders],
    ) -> None:
        self._store, self._stream, self._outcomes, self._entries = store, stream, outcomes, entries
        self._unjudged, self._refused, self._nodes, self._clock = unjudged, refused, nodes, clock
        self._notes = notes

    async def trim(self, keep_seconds: float) -> None:
        """See Orders.trim."""
        if not await self._clock.may_trim():
            return
        caches = await self._nodes.forget_absent(keep_seconds)
        limits = [first_id_at(self._store.clock.now() - keep_seconds)]
        for cache in caches:
            group = ConsumerGroup(self._store, self._stream, cache)
            await group.forget_consumers(CONSUMER_SECONDS)
            limits.append((await group.owed()).oldest)
        first_kept = min((order_id for order_id in limits if order_id), key=id_numbers)
        keys = [self._stream, *self._unjudged, *map(self._refused, caches)]
        args: list[Arg] = [first_kept, self._outcomes, ORDERS_PER_COMMAND, self._entries]
        while await self._store.run(_TRIM, keys, args):
            pass
        for notes in self._notes:
            await notes.forget_before(id_numbers(first_kept)[0])
