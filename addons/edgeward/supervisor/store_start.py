"""Waits for the store at the start: tells a server that is loading its data from one that is dead or damaged."""

import asyncio
import logging
import time
from collections.abc import Callable

from edgeward.errors import StoreUnavailable
from edgeward.settings.config import Config
from edgeward.store import embedded
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.store.file_damage import end_of_server
from edgeward.store.loading import LoadingProgress, StoreLoading
from edgeward.supervisor.child_process import ChildProcess

logger = logging.getLogger(__name__)

LOG_SECONDS = 5.0
"""Between two lines about a store that is loading."""
STUCK_SECONDS = 60.0
"""A store that has loaded nothing more for so long is said to stand still."""


class StoreStart:
    """The store of one supervisor, embedded or not."""

    def __init__(self, config: Config) -> None:
        self._config = config

    async def wait(self, child: ChildProcess) -> None:
        """Wait until the embedded store, which was just started, answers. It may still be loading then.

        Raises:
            StoreUnavailable: it has ended, or does not answer at all. The message has its own last words.
        """
        assert child.process is not None
        try:
            await embedded.wait_ready(self._config.socket_path, is_running=lambda: child.pid is not None)
        except StoreUnavailable as error:
            words = end_of_server(self._config.state_dir, child.process.pid)
            raise StoreUnavailable(f"{error}{f': {words}' if words else ''}") from None

    async def check(self, loaded: Callable[[], None]) -> asyncio.Task[None]:
        """Connect once, so that a wrong store URL is an error now and not in every child process. Returns a task that
        logs how far the store has loaded its data, and calls `loaded` when it has, which may be at once.

        Raises:
            StoreUnavailable: it does not answer.
        """
        config = self._config
        settings = (config.store_url, config.store.namespace, config.store.timeout_ms, config.store.replicas)
        try:
            store = await Store.connect(*settings)
        except StoreLoading:
            return asyncio.create_task(self._log_progress(Store(*settings), loaded), name="store loads")
        loaded()
        return asyncio.create_task(store.close(), name="store loads")

    async def _log_progress(self, store: Store, loaded: Callable[[], None]) -> None:
        """Until the store has loaded its data. Everything else starts meanwhile, and waits for it."""
        last: LoadingProgress | None = None
        try:
            while True:
                try:
                    progress = LoadingProgress.read(await store.info())
                except STORE_AWAY as error:
                    logger.warning("the store was loading its data, and does not answer: %s", type(error).__name__)
                else:
                    if progress is None:
                        break
                    last = _log(progress, last)
                await asyncio.sleep(LOG_SECONDS)
        finally:
            await store.close()
        logger.info("the store has loaded its data")
        loaded()


def _log(now: LoadingProgress, last: LoadingProgress | None) -> LoadingProgress:
    """Returns what the next is compared with."""
    if last is None or now.loaded_bytes > last.loaded_bytes:
        logger.info("%s", now)
        return now
    stuck = time.monotonic() - last.at
    if stuck > STUCK_SECONDS:
        logger.error("%s; it has loaded nothing more for %.0f s: see its disk and its log", now, stuck)
    return last
