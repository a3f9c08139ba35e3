"""What a replica may report: a version, or a flush request, only when all that came before it is in the store."""

import asyncio
from collections.abc import Awaitable, Callable


class AppliedVersionReport:
    """Holds back what is applied until it may be reported.

    Args:
        send: reports at once; called when there is something new to report. Must not raise for a store that is away.

    Attributes:
        version: the version that may be reported.
        flush_request: id of the last flush request that may be acknowledged.
    """

    def __init__(self, send: Callable[[], Awaitable[None]]) -> None:
        self._send = send
        self.version, self.flush_request = 0, b"0-0"
        self._latest = (self.version, self.flush_request)
        self._task: asyncio.Task[None] | None = None

    def update(self, version: int, flush_request: bytes, before: Callable[[], Awaitable[None]] | None) -> None:
        """This version is applied and this flush request was read. Both may be reported when `before` has ended, which
        is called in a task of its own; at once where there is none."""
        self._latest = (version, flush_request)
        if before is None:
            self.version, self.flush_request = self._latest
        elif self._is_behind() and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._catch_up(before), name="replica report")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _catch_up(self, before: Callable[[], Awaitable[None]]) -> None:
        # What is applied while `before` runs, or while the report is sent, needs another round.
        while self._is_behind():
            while self._is_behind():
                latest = self._latest
                await before()
                self.version, self.flush_request = latest
            await self._send()

    def _is_behind(self) -> bool:
        return (self.version, self.flush_request) != self._latest
