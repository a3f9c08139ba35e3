"""Imported by every Python process of a disturbed run (tests/disturb/rounds.py): what a busy machine does, it does too.

- Threads begin up to MAX_THREAD_DELAY seconds late.
- Event loops stand still for up to MAX_STALL seconds, at random.
- Threads are switched ten times as often, so that two of them meet between any two steps.
- SIGSTOP and SIGCONT that a test sends are noted in a file, so that tests/disturb/stopper.py does not continue what a
  test has stopped.

A run copies this file into a directory of its own, beside a file `seed`; without one nothing happens. (No environment
variable, since hashers get none.) The standard library only: any program may import this.
"""

import os
import sys

MAX_THREAD_DELAY = 0.2
MAX_STALL = 0.4
STALL_GAP = (0.2, 2.0)
"""Seconds from one stall to the next."""
SWITCHES = 10
HERE = os.path.dirname(__file__)  # noqa: PTH120


def _disturb_threads() -> None:
    start = threading.Thread.start

    def start_late(self: threading.Thread) -> None:
        run, delay = self.run, choices.uniform(0, MAX_THREAD_DELAY)

        def run_late() -> None:
            time.sleep(delay)
            run()

        self.run = run_late  # type: ignore[method-assign]
        start(self)

    threading.Thread.start = start_late  # type: ignore[method-assign]


def _disturb_loops() -> None:
    import asyncio

    run_forever = asyncio.BaseEventLoop.run_forever

    def stall(loop: asyncio.BaseEventLoop) -> None:
        time.sleep(choices.uniform(0, MAX_STALL))
        loop.call_later(choices.uniform(*STALL_GAP), stall, loop)

    def run_disturbed(self: asyncio.BaseEventLoop) -> None:
        if not hasattr(self, "_disturbed"):
            self._disturbed = self.call_later(choices.uniform(*STALL_GAP), stall, self)  # type: ignore[attr-defined]
        run_forever(self)

    asyncio.BaseEventLoop.run_forever = run_disturbed  # type: ignore[method-assign]


def _note_stops() -> None:
    kill, killpg = os.kill, os.killpg

    def noted(send: "Callable[[int, int], None]", prefix: str, pid: int, number: int) -> None:
        if number not in (signal.SIGSTOP, signal.SIGCONT):
            send(pid, number)
            return
        note = os.path.join(HERE, f"{prefix}{pid}")  # noqa: PTH118
        with open(os.path.join(HERE, "lock"), "ab") as lock:  # noqa: PTH118, PTH123
            fcntl.flock(lock, fcntl.LOCK_EX)
            if number == signal.SIGSTOP:
                open(note, "ab").close()  # noqa: PTH123
            send(pid, number)
            if number == signal.SIGCONT and os.path.exists(note):  # noqa: PTH110
                os.remove(note)  # noqa: PTH107

    os.kill = lambda pid, number, /: noted(kill, "process-", pid, number)
    os.killpg = lambda group, number, /: noted(killpg, "group-", group, number)


if os.path.exists(os.path.join(HERE, "seed")):  # noqa: PTH110, PTH118
    import fcntl
    import random
    import signal
    import threading
    import time
    from collections.abc import Callable

    with open(os.path.join(HERE, "seed")) as seed:  # noqa: PTH118, PTH123
        # What is run decides, not its process id: the same seed disturbs the same program in the same way.
        choices = random.Random(" ".join([seed.read(), *sys.orig_argv[1:4]]))
    sys.setswitchinterval(sys.getswitchinterval() / SWITCHES)
    _disturb_threads()
    _note_stops()
    # Isolated processes (python -P) have no event loop, and a memory limit that the import of asyncio would eat into.
    if not sys.flags.safe_path:
        _disturb_loops()
