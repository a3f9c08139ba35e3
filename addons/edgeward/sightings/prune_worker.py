"""Keeps the store's memory below the limit for sightings: lists and purge orders must always find room."""

import asyncio
import logging
import secrets

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.sightings.sightings import Sightings

logger = logging.getLogger(__name__)

PRUNE_FROM, PRUNE_TO = 0.9, 0.85
"""Of the limit: pruning begins at the first, and ends below the second. At 1.0 no sightings are written."""
MIN_SHARE = 0.02
"""Of all targets, that one pass forgets at least."""
PAUSE_SECONDS = 1.0
IDLE_SECONDS = 30.0
"""Pause after a pass that found nothing to forget: something else fills the store."""
LEASE_MS = 60_000
"""One controller prunes at a time, and renews its lease with each step; if it dies, another does so after this time."""
RETRY_SECONDS = (0.2, 5.0)

# The lease has the token of its owner. A pruner that was slow loses it, and must not end another's. A lease that would
# last longer than one does when it is given shows that the store's clock was set back: it does not count.
# KEYS: lease. ARGV: token, lease in ms
_HOLD_LEASE = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] and redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS: lease. ARGV: token
_END_LEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class PruneWorker:
    """Prunes in a controller, when the store is short of memory."""

    def __init__(self, sightings: Sightings) -> None:
        self._sightings, self._store = sightings, sightings.store
        self._lease, self._token = self._store.key("{forgotten}", "pruner"), secrets.token_hex(8)
        self._loop = WorkerLoop(
            "pruning of sightings",
            self._step,
            metric_label="retromatch",
            retry_seconds=RETRY_SECONDS,
            pause_seconds=PAUSE_SECONDS,
        )

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def _step(self) -> None:
        use = await self._sightings.memory.use()
        metrics.sightings_memory_ratio.set(use.share)
        if use.share < PRUNE_FROM or not await self._hold_lease():
            return
        try:
            forgotten = await self._prune(max(MIN_SHARE, 1 - PRUNE_TO / use.share))
        finally:
            await self._store.run_even_if_full(_END_LEASE, [self._lease], [self._token])
        logger.warning("the store is short of memory: %d targets of sightings were forgotten", forgotten)
        if not forgotten:
            await asyncio.sleep(IDLE_SECONDS)

    async def _hold_lease(self) -> bool:
        """Take or renew the lease. False: another controller prunes."""
        return bool(await self._store.run_even_if_full(_HOLD_LEASE, [self._lease], [self._token, LEASE_MS]))

    async def _prune(self, share: float) -> int:
        """One pass over all sightings, or less if that is enough or another controller has taken over. Returns how many
        targets were forgotten."""
        forgotten = 0
        async for number in self._sightings.pruning.forget_share(share):
            forgotten += number
            if (await self._sightings.memory.use()).share < PRUNE_TO or not await self._hold_lease():
                break
        return forgotten
