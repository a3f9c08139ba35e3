"""Announcements: a batch is about to be committed, and each process first gets the files of its machine ready. So the
batch acts everywhere within milliseconds of its commit, whatever its length.

{blocklist}:announced      stream of the latest announcements: `batch` (JSON)
{blocklist}:ready:<batch>  hash: name of a replica -> "PREPARING WHY", WHY if it has failed
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from edgeward.errors import Conflict
from edgeward.lists.replication.membership import Membership
from edgeward.store.connection import Store
from edgeward.types import Batch
from edgeward.types.later_releases import DECODE_ERRORS

MAX_ANNOUNCED = 64
SEEN_SECONDS = 3.0
"""How long a replica is waited for that has not seen an announcement: one of an earlier release never does."""
READY_SECONDS = 900.0
"""How long one is waited for whose files are not ready. It gets them ready all the same when the batch acts."""
KEEP_SECONDS = 86400
"""After this time it is forgotten who was ready."""
POLL_SECONDS = 0.01


class Preparing(StrEnum):
    """How far a replica is with an announced batch."""

    SEEN = "seen"
    READY = "ready"
    """Its machine has the files."""
    FAILED = "failed"
    """They can't be got ready now."""


class NotPrepared(Conflict):
    """The files of a batch can't be got ready on some machine. If it acted all the same, that machine would be left
    with older lists, and could apply no later change of any list."""


class Announcements:
    """Announces batches, and waits for replicas to be ready for them.

    Attributes:
        stream: the key of the announcements.
    """

    def __init__(self, store: Store, membership: Membership) -> None:
        self._store, self._membership = store, membership
        self.stream = announced_stream(store)
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    def _ready(self, batch_id: str) -> str:
        return self._store.key("{blocklist}", "ready", batch_id)

    async def announce(self, batch: Batch) -> None:
        """Tell every replica of a batch whose data are written."""
        await self._redis.xadd(self.stream, {"batch": batch.to_json()}, maxlen=MAX_ANNOUNCED, approximate=False)

    async def note(self, batch_id: str, replica: str, state: Preparing, why: str = "") -> None:
        """How far the replica of this name is with a batch, and why it has failed."""
        await self._redis.hset(self._ready(batch_id), replica, f"{state.value} {why}")
        await self._redis.expire(self._ready(batch_id), KEEP_SECONDS)

    async def wait_ready(self, batch_id: str, check: Callable[[], Awaitable[object]] | None = None) -> list[str]:
        """Wait until every live replica is ready for a batch that was announced just now.

        Args:
            check: awaited again and again meanwhile. What it raises is raised.

        Returns:
            The names of those that are not: of an earlier release, or too slow.

        Raises:
            NotPrepared: one of them can't get ready.
        """
        began = time.monotonic()
        while True:
            found = await self._redis.hgetall(self._ready(batch_id))
            states = {name.decode(): text.decode(errors="replace").partition(" ") for name, text in found.items()}
            live = {replica.id for replica in await self._membership.live_replicas()}
            unready = sorted(name for name in live if name not in states or states[name][0] != Preparing.READY)
            waited = time.monotonic() - began
            pending = [each for each in unready if each in states and states[each][0] == Preparing.SEEN]
            for name in unready:
                if name in states and states[name][0] == Preparing.FAILED:
                    who, why = name.partition("#")[0], states[name][2]
                    raise NotPrepared(f"{who} can't get ready for so many entries: {why}; nothing was changed")
            if not unready or waited > READY_SECONDS or (not pending and waited > SEEN_SECONDS):
                return unready
            if check is not None:
                await check()
            await asyncio.sleep(POLL_SECONDS)

    async def forget(self, batch_id: str) -> None:
        """The batch is committed, or given up."""
        await self._redis.unlink(self._ready(batch_id))


def announced_stream(store: Store) -> str:
    """The key of the announcements."""
    return store.key("{blocklist}", "announced")


def announced_batches(records: Any) -> list[Batch]:
    """The batches in records of the stream. One that this release can't read is left out: it can't be prepared."""
    batches = []
    for _, fields in records or ():
        try:
            batches.append(Batch.from_json(fields[b"batch"]))
        except DECODE_ERRORS:
            continue
    return batches
