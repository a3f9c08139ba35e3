"""How much memory the store has left for sightings: lists and purge orders must always find room."""

import time
from dataclasses import dataclass
from typing import Any

from edgeward.store.connection import Store

MAXMEMORY_SHARE = 0.75
"""Share of the server's `maxmemory` that may be in use before sightings are no longer written."""
MACHINE_SHARE = 0.5
"""Share of the machine's memory, for a server without `maxmemory`."""
CHECK_SECONDS = 1.0
CHECK_BYTES = 1024 * 1024
"""The memory in use is looked at again after this time, or after this process has written so much."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Of the server that is fullest: bytes in use (`used_memory`), the limit for sightings, and `maxmemory`; 0: no
    limit known."""

    used: int
    limit: int
    maximum: int = 0

    @property
    def share(self) -> float:
        """Used of the limit; 1.0: no more sightings are written."""
        return self.used / self.limit if self.limit else 0.0


class StoreMemory:
    """The memory of the store's servers.

    Args:
        max_bytes: the limit, in bytes of `used_memory` of one server; None derives it from the server.
    """

    def __init__(self, store: Store, max_bytes: int | None) -> None:
        self._store, self._max_bytes = store, max_bytes
        self._use = MemoryUse(0, 0)
        self._checked_at = float("-inf")
        self._written = 0

    @property
    def limit(self) -> int:
        """The limit as it was last seen, in bytes; 0: none was seen."""
        return self._use.limit

    async def use(self) -> MemoryUse:
        """The use of memory now."""
        servers = [await ask("INFO", "memory") for ask in await self._store.redis.masters()]
        self._use = max((self._use_of(info) for info in servers), key=lambda use: use.share)
        self._checked_at, self._written = time.monotonic(), 0
        return self._use

    async def has_room(self, size: int = 0) -> bool:
        """Whether sightings may take more memory. `size`: bytes that the caller is about to write."""
        return (await self.recent_use(size)).share < 1.0

    async def recent_use(self, size: int = 0) -> MemoryUse:
        """The use of memory now or a moment ago. `size`: bytes that the caller is about to write."""
        self._written += size
        if time.monotonic() - self._checked_at > CHECK_SECONDS or self._written > CHECK_BYTES:
            await self.use()
        return self._use

    def _use_of(self, info: dict[str, Any]) -> MemoryUse:
        maximum, machine = int(info.get("maxmemory", 0)), int(info.get("total_system_memory", 0))
        limits = [limit for limit in (self._max_bytes, int(maximum * MAXMEMORY_SHARE)) if limit]
        limit = min(limits) if limits else int(machine * MACHINE_SHARE)
        return MemoryUse(int(info["used_memory"]), limit, maximum)
