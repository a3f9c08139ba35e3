"""The CPU time of another process, limited from outside: nothing that the process does can lift the limit.

A process that hostile bytes have taken over could switch off a timer of its own. So its parent sets the kernel's limit
(RLIMIT_CPU) on it, reads its clock, and kills it.
"""

import math
import resource
import time

GRACE_SECONDS = 1.0
"""The parent counts the same time by the clock, and must be first to end the process: it tells a timeout from a crash.
"""
_PROCESS_CLOCK = 0
"""User and system time of a whole process, as RLIMIT_CPU counts it (CPUCLOCK_PROF of the kernel)."""


def used_cpu_seconds(pid: int) -> float:
    """CPU time that the process has used since it began, in seconds.

    Raises:
        OSError: it has ended.
    """
    # The clock's number as clock_getcpuclockid(3) makes it, which Python does not offer.
    return time.clock_gettime((~pid << 3) | _PROCESS_CLOCK)


def limit_cpu_seconds(pid: int, seconds: float) -> float:
    """The process may use this much more CPU time, and GRACE_SECONDS; then the kernel sends it SIGXCPU every second.

    A process can block the signal: its parent must compare `used_cpu_seconds` with the result. The limit is rounded up
    to whole seconds, as the kernel counts them. It can be set again and again.

    Returns:
        What `used_cpu_seconds` must not exceed.

    Raises:
        OSError: it has ended.
    """
    limit = used_cpu_seconds(pid) + seconds + GRACE_SECONDS
    hard = resource.prlimit(pid, resource.RLIMIT_CPU)[1]
    soft = math.ceil(limit)
    # Without privileges a hard limit can only be lowered, so it stays.
    resource.prlimit(pid, resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    return limit
