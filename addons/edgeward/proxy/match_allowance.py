"""How many targets of listed images are purged one by one when they are requested.

Any client can request a listed image under as many targets as it likes, as long as it likes. Without a bound the orders
would fill the store, and each cache's queue. Beyond it targets are purged by prefix (prefix_purges.py).
"""

import time
from collections import Counter

from edgeward.types import Target

PERIOD_SECONDS = 10.0
ORDERS_PER_SOURCE, BYTES_PER_SOURCE = 300, 512 * 1024
"""In one period, of one host, and of one image. Either alone can be varied: a client can ask for any host."""
ORDERS, BYTES = 1_000, 2 * 1024 * 1024
"""In one period, of all."""
ALL = ""


class MatchAllowance:
    """Counts orders and the bytes of their targets, anew in each period."""

    def __init__(self) -> None:
        self._orders, self._bytes = Counter[str](), Counter[str]()
        self._ends_at = 0.0

    def take(self, target: Target, sha256: str) -> bool:
        """Whether one more target may be purged by an order of its own now; if so it is counted."""
        now = time.monotonic()
        if now >= self._ends_at:
            self._orders.clear()
            self._bytes.clear()
            self._ends_at = now + PERIOD_SECONDS
        if not all(self._has_left(source, target.length) for source in (ALL, f"host {target.host}", sha256)):
            return False
        for source in (ALL, f"host {target.host}", sha256):
            self._orders[source] += 1
            self._bytes[source] += target.length
        return True

    def _has_left(self, source: str, size: int) -> bool:
        orders, most_bytes = (ORDERS, BYTES) if source == ALL else (ORDERS_PER_SOURCE, BYTES_PER_SOURCE)
        return self._orders[source] < orders and self._bytes[source] + size <= most_bytes
