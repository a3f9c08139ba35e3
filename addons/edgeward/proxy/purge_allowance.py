"""How many targets may be purged one by one since nobody could judge their responses.

Any client can break off requests for as many targets as it likes, and caches carry purges out in their order: without a
bound the purges of a listing would wait behind those.
"""

import time
from collections import Counter

ORDERS_PER_HOST = 30
"""In one period ..."""
PERIOD_SECONDS = 10.0
MAX_HOSTS = 256
"""... of at most so many hosts."""


class PurgeAllowance:
    """Counts by host, anew in each period. `orders_per_host`: in one period."""

    def __init__(self, orders_per_host: int = ORDERS_PER_HOST) -> None:
        self._orders_per_host = orders_per_host
        self._taken = Counter[str]()
        self._ends_at = 0.0

    def take(self, host: str) -> bool:
        """Whether one more target of the host may be purged now; if so it is counted."""
        if self.period_ended():
            self._taken.clear()
            self._ends_at = time.monotonic() + PERIOD_SECONDS
        if self._taken[host] >= self._orders_per_host or (host not in self._taken and len(self._taken) >= MAX_HOSTS):
            return False
        self._taken[host] += 1
        return True

    def period_ended(self) -> bool:
        return time.monotonic() >= self._ends_at
