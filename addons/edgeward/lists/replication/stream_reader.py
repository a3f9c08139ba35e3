"""Reads what a replica follows in the store: the changes of the lists, flush requests, and announcements of batches."""

import asyncio
from collections.abc import Sequence
from typing import Any

from edgeward.lists.batches.announcements import announced_batches, announced_stream
from edgeward.lists.replication.membership import HEARTBEAT_SECONDS
from edgeward.lists.stored_lists import parse_changes
from edgeward.store.connection import Redis, Store
from edgeward.types import Batch, Change


class StreamReader:
    """Reads three streams with one command, on a connection of its own.

    Args:
        changes, flush_requests: the keys of two of them.

    Attributes:
        flush_request: id of the last flush request that was read.
        flush_version: the version of the lists when it was made.
    """

    def __init__(self, store: Store, changes: str, flush_requests: str) -> None:
        self._store, self._changes, self._flush_requests = store, changes, flush_requests
        self._announcements = announced_stream(store)
        self.flush_request, self.flush_version = b"0-0", 0
        self._announcement = b"0-0"
        self._redis: Redis | None = None

    async def read(self, version: int, limit: int) -> tuple[list[Change], Sequence[Batch]]:
        """Up to `limit` changes after this version, and batches that were announced. Returns early, perhaps with none,
        for a flush request or when a heartbeat is due."""
        if self._redis is None:
            self._redis = await self._store.blocking()
        positions: dict[Any, Any] = {
            self._changes: f"{version}-0",
            self._flush_requests: self.flush_request,
            self._announcements: self._announcement,
        }
        async with asyncio.timeout(HEARTBEAT_SECONDS + self._store.timeout):
            reply: Any = await self._redis.xread(positions, count=limit, block=int(HEARTBEAT_SECONDS * 1000))
        found = {stream.decode(): records for stream, records in reply}
        if self._flush_requests in found:
            self.flush_request, fields = found[self._flush_requests][-1]
            # Of an earlier version of Edgeward: without.
            self.flush_version = int(fields.get(b"version", 0))
        announced = found.get(self._announcements)
        if announced:
            self._announcement = announced[-1][0]
        return parse_changes(found.get(self._changes)), announced_batches(announced)

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None
