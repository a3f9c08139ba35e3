"""Keeps one child process running: nothing but the end of the service ends this.

A process that ends several times in a row is down: its port is closed, so that clients are refused, or reach another
worker, rather than wait for nobody. It is started again and again all the same, and opens the port when it is ready.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from edgeward.isolation.exit_status import describe_exit
from edgeward.listening_sockets import BACKLOG, stop_listening
from edgeward.process_states import MAX_RECENT, ProcessState
from edgeward.supervisor.child_process import ChildProcess

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0
STEADY_AFTER_SECONDS = 10.0
"""A process that ran longer than this had started well: its next restart is again without a long pause."""
FAILURES_BEFORE_DOWN = 3
"""So many ends or failed starts in a row, each within STEADY_AFTER_SECONDS, and the process is down."""
START_SECONDS = 30.0
"""A process with a port that is not ready after this is down until it is."""
LOG_SECONDS = 60.0
"""A process that is down is logged again after this."""


class Restarter:
    """Restarts a child process, which has been started, whenever it ends.

    Args:
        changed: called when the process was started or has ended, or its state has changed.
        ended: called with the id of a process that has ended.
        place: its number among those of its role, from 1 on, and how many they are.
        explain: called with the id of a process that has ended; more words on its end, or "".
        warn: called with the id of a process that runs; what is wrong though it does, or "".
    """

    def __init__(
        self,
        child: ChildProcess,
        changed: Callable[[], None],
        ended: Callable[[int], None],
        place: tuple[int, int] = (1, 1),
        explain: Callable[[int], str] | None = None,
        warn: Callable[[int], str] | None = None,
    ) -> None:
        self.child = child
        self._changed, self._ended, self._place, self._explain = changed, ended, place, explain
        self._warn, self._warning = warn, ""
        self._running = True
        self._started = time.monotonic()
        self._failures = self._restarts = 0
        self._down = False
        self._restarted_at: deque[float] = deque(maxlen=MAX_RECENT)
        self._last_end = ""
        self._next_log = 0.0

    @property
    def state(self) -> ProcessState:
        return ProcessState(
            self.child.role, *self._place, self._down, self._restarts, tuple(self._restarted_at), self._last_end,
            self._warning,
        )  # fmt: skip

    async def run(self) -> None:
        """Until it is cancelled. Nothing that fails here may end it: nobody else would start the process again."""
        while True:
            try:
                await (self._follow() if self._running else self._start_again())
            except Exception as error:
                logger.error("%s: defect; continuing", self.child.role, exc_info=error)
                await asyncio.sleep(FIRST_PAUSE_SECONDS)

    def look_for_warning(self) -> None:
        """Read again what is wrong with the process that runs. What was wrong with one before it stays."""
        pid = self.child.pid
        warning = self._warn(pid) if self._warn and pid else ""
        if warning and warning != self._warning:
            logger.error("%s: %s", self.state.name, warning)
            self._warning = warning
            self._changed()

    async def _follow(self) -> None:
        """From the start of the process to its end."""
        assert self.child.process is not None
        process = self.child.process
        if await self._wait_until_up(process):
            self._set_up()
            self.look_for_warning()
        status = await process.wait()
        self._running = False
        steady = time.monotonic() - self._started > STEADY_AFTER_SECONDS
        self._failures = 1 if steady else self._failures + 1
        more = self._explain(process.pid) if self._explain else ""
        self._last_end = describe_exit(status) + (f": {more}" if more else "")
        self._log("%s (pid %d) %s and is restarted", self.child.role, process.pid, self._last_end)
        self._note_failure()
        self._ended(process.pid)

    async def _wait_until_up(self, process: asyncio.subprocess.Process) -> bool:
        """Wait until the process is ready, or, without a port, has run for a while. False: it has ended. While a
        process with a port takes too long, it is down."""
        has_port = self.child.listener is not None
        ended = asyncio.create_task(process.wait())
        ready = asyncio.create_task(self.child.ready.wait())
        try:
            limit = START_SECONDS if has_port else STEADY_AFTER_SECONDS
            done, _ = await asyncio.wait((ended, ready), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if not done and has_port:
                self._last_end = f"is not ready {START_SECONDS:g} s after its start"
                self._log("%s (pid %d) %s", self.child.role, process.pid, self._last_end)
                self._set_down()
                done, _ = await asyncio.wait((ended, ready), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            ready.cancel()
        return ended not in done

    def _note_failure(self) -> None:
        if self._failures >= FAILURES_BEFORE_DOWN:
            self._set_down()
        self._changed()

    def _set_down(self) -> None:
        if self.child.listener is not None:
            stop_listening(self.child.listener)
        if not self._down:
            what = "is down, and its port is closed until it is ready" if self.child.listener else "is down"
            logger.error("%s %s; it will be started again", self.state.name, what)
        self._down = True
        self._changed()

    def _set_up(self) -> None:
        if not self._down:
            return
        if self.child.listener is not None:
            self.child.listener.listen(BACKLOG)  # the process has done so, but perhaps before the port was closed
        self._down = False
        logger.warning("%s runs again", self.state.name)
        self._changed()

    async def _start_again(self) -> None:
        """Start it after a pause. A moment without free memory or process ids must not end the service."""
        pause = FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures - 1, 20)
        await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))
        try:
            await self.child.start()
        except Exception as error:  # noqa: BLE001  whatever it is, it is counted, and another attempt follows
            self._failures += 1
            self._last_end = f"can't be started: {error}"
            self._log("%s %s", self.child.role, self._last_end)
            self._note_failure()
            return
        self._running, self._started = True, time.monotonic()
        self._restarts += 1
        self._restarted_at.append(self._started)
        self._changed()

    def _log(self, text: str, *args: object) -> None:
        """Log it, but not so often while the process is down: each attempt says the same."""
        if not self._down or time.monotonic() >= self._next_log:
            logger.error(text, *args)
            self._next_log = time.monotonic() + LOG_SECONDS
