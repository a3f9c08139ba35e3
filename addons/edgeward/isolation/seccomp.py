"""The system calls that are left to a process that decodes pictures, by a seccomp filter (seccomp(2), libseccomp).

ALLOWED is what decoding needs. FATAL is what only an attacker who controls the process would call: the kernel kills it
at once. Every other call, also of future kernels, fails as on a kernel that lacks it (ENOSYS): so a library that tries
to open a file or to use a newer call continues if it can do without.
"""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

_LIBRARY = "libseccomp.so.2"
_KILL_PROCESS = 0x80000000
_NO_SUCH_CALL = 0x00050000 | errno.ENOSYS
_ALLOW = 0x7FFF0000
_ON_OTHER_ARCHITECTURE = 2
_FOR_ALL_THREADS = 4
_EQUAL, _MASKED_EQUAL = 4, 7

_CLONE_THREAD = 0x00010000
_PROT_EXEC = 4
_PR_SET_NAME, _PR_SET_VMA = 15, 0x53564D41

ALLOWED = (
    # the socket, as recv and send use it
    *("read", "write", "close", "fstat", "lseek"),
    # memory
    *("brk", "munmap", "mremap", "madvise"),
    # threads of decoders, begun by `clone` below
    *("futex", "futex_time64", "futex_waitv", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "getcpu"),
    *("membarrier", "gettid", "getpid", "exit", "exit_group", "restart_syscall"),
    # so that a crash ends the process by its own signal
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack"),
    # clocks, randomness for hash tables, and what libraries ask of the machine
    *("clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "getrandom"),
    *("getrusage", "times", "sysinfo", "uname"),
)
"""Allowed whatever their arguments."""

FATAL = (
    *("execve", "execveat", "fork", "vfork"),
    *("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendmsg", "sendmmsg", "recvmsg"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kill", "tkill", "rt_sigqueueinfo"),
    *("pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kcmp"),
    *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "capset"),
    *("mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "open_by_handle_at", "mknod", "mknodat"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "bpf", "perf_event_open", "userfaultfd"),
    *("keyctl", "add_key", "request_key", "init_module", "finit_module", "delete_module", "kexec_load", "reboot"),
    *("personality", "modify_ldt", "memfd_create", "memfd_secret", "shmget", "shmat", "msgget", "semget", "mq_open"),
)
"""No decoder needs them. They kill the process."""


class Argument(NamedTuple):
    """True if argument number `place` of a call, and-ed with `mask`, is `value`."""

    place: int
    value: int
    mask: int | None = None


class Rule(NamedTuple):
    """What happens to a call all of whose arguments match."""

    call: str
    arguments: tuple[Argument, ...] = ()
    allowed: bool = True


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("place", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def restrict() -> bool:
    """Put the filter on all threads of this process. False if libseccomp, or the kernel's part, is missing.

    Needs PR_SET_NO_NEW_PRIVS. Can't be undone.
    """
    library = _LIBSECCOMP
    filter = library.seccomp_init(_NO_SUCH_CALL) if library else None
    if not library or not filter:
        return False
    try:
        library.seccomp_attr_set(filter, _ON_OTHER_ARCHITECTURE, _KILL_PROCESS)
        library.seccomp_attr_set(filter, _FOR_ALL_THREADS, 1)
        added = [_add(library, filter, rule) for rule in _rules()]
        return all(added) and library.seccomp_load(filter) == 0
    finally:
        library.seccomp_release(filter)


def _rules() -> Iterator[Rule]:
    yield from (Rule(call) for call in ALLOWED)
    yield from (Rule(call, allowed=False) for call in FATAL)
    # On the connected socket, not to an address of their own choice.
    yield Rule("recvfrom", (Argument(4, 0),))
    yield Rule("sendto", (Argument(4, 0),))
    # No memory is executable.
    for call in ("mmap", "mmap2", "mprotect", "pkey_mprotect"):
        yield Rule(call, (Argument(2, 0, mask=_PROT_EXEC),))
        yield Rule(call, (Argument(2, _PROT_EXEC, mask=_PROT_EXEC),), allowed=False)
    # A thread, not a process. clone3 hides its flags in memory: ENOSYS sends libraries to clone.
    yield Rule("clone", (Argument(0, _CLONE_THREAD, mask=_CLONE_THREAD),))
    yield Rule("clone", (Argument(0, 0, mask=_CLONE_THREAD),), allowed=False)
    yield from (Rule("prctl", (Argument(0, option),)) for option in (_PR_SET_NAME, _PR_SET_VMA))
    # abort() sends a signal to its own process.
    yield Rule("tgkill", (Argument(0, os.getpid()),))
    # Read its own limits. It can set neither limits nor timers: its parent limits its CPU time (cpu_time.py).
    yield Rule("prlimit64", (Argument(0, 0), Argument(2, 0)))


def _add(library: ctypes.CDLL, filter: int, rule: Rule) -> bool:
    """Whether the rule was added. A call that this architecture lacks needs none."""
    number = library.seccomp_syscall_resolve_name(rule.call.encode())
    if number < 0:
        return True
    comparisons = (_Comparison * len(rule.arguments))(
        *(
            _Comparison(place, _EQUAL, value, 0) if mask is None else _Comparison(place, _MASKED_EQUAL, mask, value)
            for place, value, mask in rule.arguments
        )
    )
    action = _ALLOW if rule.allowed else _KILL_PROCESS
    return bool(library.seccomp_rule_add_array(filter, action, number, len(comparisons), comparisons) == 0)


def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    pointer, integer, unsigned = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint
    _declare(library.seccomp_init, pointer, unsigned)
    _declare(library.seccomp_attr_set, integer, pointer, integer, unsigned)
    _declare(library.seccomp_syscall_resolve_name, integer, ctypes.c_char_p)
    _declare(library.seccomp_rule_add_array, integer, pointer, unsigned, integer, unsigned, ctypes.POINTER(_Comparison))
    _declare(library.seccomp_load, integer, pointer)
    _declare(library.seccomp_release, None, pointer)
    return library


def _declare(function: Callable[..., object], result: object, *arguments: object) -> None:
    function.restype = result  # type: ignore[attr-defined]
    function.argtypes = arguments  # type: ignore[attr-defined]


_LIBSECCOMP = _library()
"""Loaded at import: once confined, the process can open no file."""
