"""Learns regularly, by trying, whether each cache stores copies under keys that purges do not have."""

import logging
import time
from collections import Counter

from edgeward.background.worker_loop import WorkerLoop
from edgeward.doctor.cache import cache_upstream, check_cached_object
from edgeward.doctor.examination import own_object
from edgeward.doctor.harmless_object import latest_harmless, purge_again
from edgeward.doctor.known_keys import find_other_key, take_back
from edgeward.operations.services import Services
from edgeward.purging.key_records import NOTHING_KNOWN, KeyMismatch
from edgeward.settings.cache_settings import SelfHostedCache
from edgeward.types import Target

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Pause between two looks whether a check is due."""
FIRST_SECONDS = 60.0
"""After the start of a controller no check is done for so long: the caches may be starting too. A check that another
controller did, or this one before it was started again, counts."""
RETRY_SECONDS = 60.0
"""Pause after a check that could not tell, of a cache of which none has told yet."""
MAX_RETRIES = 10
"""Such pauses for each cache. Where a check can never tell, the next is due as others are."""


class KeyCheck:
    """Puts a harmless object into each cache, and looks what a purge leaves, every `purge.check_keys_seconds`.

    One controller does it for all: the first that finds it due.

    Attributes:
        retries: by cache, how many checks were followed by another soon, since none could tell yet.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seconds = services.config.purge.check_keys_seconds
        self._started_at = 0.0
        self.retries: Counter[str] = Counter()
        self._loop = WorkerLoop(
            "cache keys", self._step, metric_label="purger", retry_seconds=LOOK_SECONDS, pause_seconds=LOOK_SECONDS
        )

    async def start(self) -> None:
        self._started_at = time.monotonic()
        if self._seconds:
            await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def _step(self) -> None:
        if time.monotonic() - self._started_at < FIRST_SECONDS:
            return
        mismatches = self._services.orders.key_mismatches
        for cache in self._services.config.caches:
            if not isinstance(cache, SelfHostedCache) or not await mismatches.is_due(cache.name, self._seconds):
                continue
            target = await self._object()
            if target and await mismatches.take_check(cache.name, self._seconds):
                await self.check(cache, target)
                await self._retry_soon(cache.name)

    async def _retry_soon(self, cache: str) -> None:
        """Check it again soon if nothing is known of its key: receipts say so until then."""
        mismatches = self._services.orders.key_mismatches
        record = (await mismatches.records()).get(cache, NOTHING_KNOWN)
        if record.is_unchecked and self.retries[cache] < MAX_RETRIES:
            self.retries[cache] += 1
            await mismatches.set_due(cache, min(self._seconds, RETRY_SECONDS))

    async def _object(self) -> Target | None:
        return own_object(self._services.config) or await latest_harmless(self._services)

    async def check(self, cache: SelfHostedCache, target: Target) -> None:
        """Check one cache with this object, and record what was found."""
        upstream = cache_upstream(self._services.config)
        findings, headers = await check_cached_object(cache, target, upstream)
        await purge_again(self._services, target)
        mismatches = self._services.orders.key_mismatches
        # Clients are served by this cache alone, and an image that they just got was not met by a purge.
        doubted = await mismatches.take_doubt(cache.name) and upstream is not None
        if wrong := find_other_key(findings, doubted):
            await mismatches.note(cache.name, KeyMismatch(headers, wrong.detail, wrong.fix, "check"))
            logger.error("cache %s: %s. %s", cache.name, wrong.detail, wrong.fix)
        elif await take_back(mismatches, cache.name, findings):
            logger.info("cache %s: its key is that of purges again", cache.name)
