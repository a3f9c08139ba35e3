"""How many targets may be purged one by one since nobody could judge their responses.

Any client can break off requests for as many targets as it likes. Caches carry these purges out apart from all others,
and the store has room for a share of them (purging/order_room.py): so this bounds what they cost, and one client that
breaks off 50 requests a second stays below it.
"""

import time
from collections import Counter

from edgeward.types import Target

ORDERS_PER_HOST, BYTES_PER_HOST = 600, 4 * 1024 * 1024
"""In one period, of one host ..."""
ORDERS_PER_CLIENT = 500
"""... of one client at one host: it leaves some to the others ..."""
ORDERS, BYTES = 1_200, 8 * 1024 * 1024
"""... and of all: a client can ask for any host."""
PERIOD_SECONDS = 10.0


class PurgeAllowance:
    """Counts orders and the bytes of their targets, anew in each period. `orders_per_host`: in one period."""

    def __init__(self, orders_per_host: int = ORDERS_PER_HOST) -> None:
        self._orders_per_host = orders_per_host
        self._orders, self._bytes = Counter[str](), Counter[str]()
        self._by_client = Counter[tuple[str, str]]()
        self._all_orders = self._all_bytes = 0
        self._ends_at = 0.0

    def take(self, target: Target, client: str = "") -> bool:
        """Whether one more target may be purged now; if so it is counted. `client`: the address of who asked for it; ""
        if that is not known."""
        if self.period_ended():
            self._orders.clear()
            self._bytes.clear()
            self._by_client.clear()
            self._all_orders = self._all_bytes = 0
            self._ends_at = time.monotonic() + PERIOD_SECONDS
        host, size = target.host, target.length
        if self._orders[host] >= self._orders_per_host or self._all_orders >= ORDERS:
            return False
        if client and self._by_client[host, client] >= ORDERS_PER_CLIENT:
            return False
        # A single one is taken however long it is.
        if (self._orders[host] and self._bytes[host] + size > BYTES_PER_HOST) or (
            self._all_orders and self._all_bytes + size > BYTES
        ):
            return False
        self._orders[host] += 1
        self._bytes[host] += size
        if client:
            self._by_client[host, client] += 1
        self._all_orders += 1
        self._all_bytes += size
        return True

    def period_ended(self) -> bool:
        return time.monotonic() >= self._ends_at
