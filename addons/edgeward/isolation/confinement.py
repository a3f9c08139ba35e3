"""What a process that parses hostile bytes gives up before it sees the first of them, layer upon layer.

Everything that it will need must be loaded by then: nothing can be opened or imported afterwards. What a kernel
refuses was not there to give up; `confine` says which layers hold.
"""

import ctypes
import os
import resource
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from edgeward.isolation import landlock, seccomp
from edgeward.isolation.frames import LANDLOCK, LAYERS, NO_NEW_PRIVS, SECCOMP

SOCKET = 3
"""The one descriptor that is left, besides three of /dev/null."""
LATE_IMPORT = 70
"""Exit status of a process that would have imported or opened something after `confine`."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38

GRACE_SECONDS = 1.0
"""The parent counts the same seconds by the clock. It is to be first: it knows that time was up, not a crash."""


def confine(fd: int, memory_mb: int) -> tuple[str, ...]:
    """Keep the socket `fd`, which becomes SOCKET, and give up all else. Returns those of LAYERS that hold.

    Files: none is left open, none can be opened. Network, other processes, programs: none. Memory: `memory_mb` of
    address space. No core dump, which would be a copy of a picture. For the time: `allow_seconds`.
    """
    _tie_to_parent()
    _keep_only(fd)
    os.environ.clear()
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # The order matters: Landlock's rules are a file for a moment, and the filter lets no limit be set.
    holds = {NO_NEW_PRIVS: libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, LANDLOCK: landlock.restrict()}
    _limit(memory_mb)
    holds[SECCOMP] = seccomp.restrict()
    sys.addaudithook(_end_at_late_imports)
    return tuple(layer for layer in LAYERS if holds[layer])


def _end_at_late_imports(event: str, arguments: tuple[object, ...]) -> None:
    """Code that is missed now is a defect: to go on would end as a picture that no decoder reads."""
    if event == "import" and str(arguments[0]).startswith("encodings."):
        # A text may name any encoding. Those not loaded are unknown ones, as whoever decodes texts must expect.
        raise ImportError(arguments[0])
    if event in ("import", "open"):
        os._exit(LATE_IMPORT)


def allow_seconds(seconds: float) -> None:
    """From now on so much CPU time, and GRACE_SECONDS; then the kernel ends this process, by SIGPROF.

    By a timer, which counts from now: RLIMIT_CPU counts from the start of the process by the clock's ticks, of which
    one that lives long and works in bursts is given more than it took.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds + GRACE_SECONDS)


def _tie_to_parent() -> None:
    # It ends with its socket: what stops its parent may reach the whole process group, and images are still under way.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _keep_only(fd: int) -> None:
    """Decoders print what they think of an image: a hostile one could fill a disk with it."""
    warnings.simplefilter("ignore")
    os.dup2(fd, SOCKET, inheritable=False)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(SOCKET + 1, max(null, fd, resource.getrlimit(resource.RLIMIT_NOFILE)[0]) + 1)


def _limit(memory_mb: int) -> None:
    for what, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, SOCKET + 1),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_AS, memory_mb * 1024 * 1024),
    ):
        hard = resource.getrlimit(what)[1]
        lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (lower, lower))
