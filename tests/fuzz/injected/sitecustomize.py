"""Imported by every Python process of a watched run (loop_pauses.py): proxy workers record pauses of their loop.

One line for each long turn of the loop: "pause", then in seconds the duration of its callbacks, how long of that the
thread waited for a core (`run_delay`, Documentation/scheduler/sched-stats.rst), how long it computed, and how long
another thread computed when the loop was due: that one may have held the interpreter's lock. With LOOP_STACKS the
lines before it tell where the thread was.
"""

import os
import sys

_EACH = 0.005
"""Seconds between two timers of the loop, so that no turn is long only because there was no event."""
_WORTH_A_LINE = 0.01
_STALL = 0.05

if "LOOP_WATCH" in os.environ and "proxy" in sys.orig_argv:
    import asyncio
    import atexit
    import signal
    import time
    import traceback
    from asyncio.selector_events import BaseSelectorEventLoop
    from typing import Any

    class _Watch:
        def __init__(self, loop: Any) -> None:
            self._loop, self._select = loop, loop._selector.select
            self._log = open(f"{os.environ['LOOP_WATCH']}/{os.getpid()}", "a", buffering=1)  # noqa: PTH123, SIM115
            self._schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
            self._stacks = "LOOP_STACKS" in os.environ
            if self._stacks:
                atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, lambda _, frame: traceback.print_stack(frame, file=self._log))
            self._held = 0.0
            self._begin()
            loop._selector.select = self._turn
            loop.call_soon(self._tick)

        def _tick(self) -> None:
            self._loop.call_later(_EACH, self._tick)

        def _turn(self, timeout: float | None) -> Any:
            self._end()
            asked, computed = time.monotonic(), time.process_time()
            ready = self._select(timeout)
            overslept = time.monotonic() - asked - (_EACH if timeout is None else timeout)
            self._held = max(0.0, min(overslept, time.process_time() - computed))
            self._begin()
            return ready

        def _begin(self) -> None:
            self._began, self._computed, self._queued = time.monotonic(), time.thread_time(), self._queue_seconds()
            if self._stacks:
                signal.setitimer(signal.ITIMER_REAL, _STALL)

        def _end(self) -> None:
            busy = time.monotonic() - self._began
            if self._stacks:
                signal.setitimer(signal.ITIMER_REAL, 0)
            if busy + self._held > _WORTH_A_LINE:
                queued, computed = self._queue_seconds() - self._queued, time.thread_time() - self._computed
                print("pause", busy, queued, computed, self._held, file=self._log)

        def _queue_seconds(self) -> float:
            return int(os.pread(self._schedstat, 100, 0).split()[1]) / 1e9

    _run_forever = asyncio.BaseEventLoop.run_forever

    def _watched(self: Any) -> None:
        if isinstance(self, BaseSelectorEventLoop) and not hasattr(self, "_loop_watch"):
            self._loop_watch = _Watch(self)  # type: ignore[attr-defined]
        _run_forever(self)

    asyncio.BaseEventLoop.run_forever = _watched  # type: ignore[method-assign]
