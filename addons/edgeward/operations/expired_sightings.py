"""Says that sightings are lost when the store's clock was set forwards.

The store removes sightings, and what is known of forgotten ones, when they have not been renewed for
`sightings.keep_days` by its clock. If that is set forwards by days, all that were last renewed so much earlier go at
once, and copies that caches still hold are not known any more. Then the same is said as after a loss of the store's
data: no receipt says that nothing is left, until an operator has emptied every cache.

{forgotten}:shift  the sum of the steps of the store's clock for which this was done, in seconds; see
                   purging/schedule_clock.py
"""

import logging
from typing import Any

from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.sightings.forgotten import ForgottenTargets
from edgeward.store.connection import Store

logger = logging.getLogger(__name__)

LOSS_SECONDS, LOSS_SHARE = 86400.0, 0.1
"""A step that shortens `keep_days` by less than a day and less than this share of it is not told."""


class ExpiredSightings:
    """Looks at the clock of repeats, and remembers the loss. `keep_days`: as in the settings."""

    def __init__(self, store: Store, clock: ScheduleClock, forgotten: ForgottenTargets, keep_days: float) -> None:
        self._clock, self._forgotten = clock, forgotten
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._key = store.key("{forgotten}", "shift")
        self._loss_seconds = min(LOSS_SECONDS, keep_days * 86400 * LOSS_SHARE)
        self._seen: float | None = None

    async def look(self) -> None:
        """Note a step of the store's clock, and what it has removed. Raises STORE_AWAY."""
        await self._clock.look()
        shift = self._clock.shift
        if shift == self._seen:
            return
        known = await self._redis.get(self._key)
        step = shift - float(known) if known is not None else 0.0
        if step >= self._loss_seconds:
            await self._forgotten.remember_store_loss()
            logger.error(
                "the store's clock was set forwards by %.2f days, which removed sightings: copies that were last seen "
                "before are not known; empty every cache, and then run: edgeward store refill --caches-emptied",
                step / 86400,
            )
        if step < 0:
            await self._forgotten.clock_was_set_back()
        if known is None or step < 0 or step >= self._loss_seconds:
            await self._redis.set(self._key, f"{shift:.6f}")
        self._seen = shift
