"""When a client's connection counts as idle, by a clock that nobody sets.

mitmproxy's own counts by the wall clock: a step forward ends connections that are in use, without an answer, and after
a step back those that are idle stay open for as long as the step was.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from mitmproxy.proxy.server import TimeoutWatchdog


class IdleTimeout(TimeoutWatchdog):
    """`timeout` is in seconds; `last_activity` is a time of time.monotonic."""

    def __init__(self, timeout: int, callback: Callable[[], Awaitable[None]]) -> None:
        super().__init__(timeout, callback)
        self.register_activity()

    def register_activity(self) -> None:
        self.last_activity = time.monotonic()

    async def watch(self) -> None:
        """Await `callback` once nothing has happened for `timeout` while it was not disarmed. Ends when cancelled."""
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await self.can_timeout.wait()
                left = self.last_activity + self.timeout - time.monotonic()
                if left <= 0:
                    await self.callback()
                    return
                await asyncio.sleep(left)
