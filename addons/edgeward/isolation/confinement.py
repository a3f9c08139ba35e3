"""What a process that parses hostile bytes gives up before it reads the first of them, in several layers.

Everything that it needs must be loaded by then: afterwards nothing can be opened or imported. A layer that the kernel
lacks, or a container forbids, does not hold; `confine` returns those that do.
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
from edgeward.isolation.protocol import LANDLOCK, LAYERS, NO_NEW_PRIVS, SECCOMP

SOCKET = 3
"""The one descriptor that is left, besides 0 to 2, which are /dev/null."""
LATE_IMPORT = 70
"""Exit status of a process that tried to import or open something after `confine`."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def confine(fd: int, memory_mb: int) -> tuple[str, ...]:
    """Keep the socket `fd`, which becomes SOCKET, and give up everything else. Returns those of LAYERS that hold.

    No open files, network, other processes or programs. `memory_mb` of address space. No core dump: it would be a
    copy of a picture. The parent limits CPU time for each request (cpu_time.py).
    """
    _die_with_parent()
    _close_all_but(fd)
    os.environ.clear()
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # In this order: Landlock needs a descriptor for a moment, and the seccomp filter lets no limit be set.
    holds = {NO_NEW_PRIVS: libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, LANDLOCK: landlock.restrict()}
    _set_limits(memory_mb)
    holds[SECCOMP] = seccomp.restrict()
    sys.addaudithook(_exit_on_late_import)
    return tuple(layer for layer in LAYERS if holds[layer])


def _exit_on_late_import(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook. A module missing now is a defect; going on would make the picture look undecodable."""
    if event == "import" and str(arguments[0]).startswith("encodings."):
        # Text may name any encoding. One that is not loaded counts as unknown, which decoders of text expect.
        raise ImportError(arguments[0])
    if event in ("import", "open"):
        os._exit(LATE_IMPORT)


def _die_with_parent() -> None:
    # A signal that stops the parent may reach the whole group while images are under way. It ends with its socket.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Out of memory, the kernel ends this process before any other.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _close_all_but(fd: int) -> None:
    """Output goes to /dev/null: decoders print warnings, and a hostile image could fill a disk with them."""
    warnings.simplefilter("ignore")
    os.dup2(fd, SOCKET, inheritable=False)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(SOCKET + 1, max(null, fd, resource.getrlimit(resource.RLIMIT_NOFILE)[0]) + 1)


def _set_limits(memory_mb: int) -> None:
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
