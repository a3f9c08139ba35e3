"""Landlock: how a process gives up files, TCP ports and signals to others (Linux 5.13 and later, landlock(7)).

A ruleset without a single rule: nothing that it covers is allowed. Open descriptors stay open.
"""

import ctypes
import os

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
"""System call numbers, the same on every architecture that Edgeward runs on."""
_CREATE_RULESET_VERSION = 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many access rights to files each version of the interface knows; from version 5 on, _MAX_FILE_RIGHTS."""
_MAX_FILE_RIGHTS = 16
_TCP_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


def restrict() -> bool:
    """Deny this thread, and those that it starts, all that Landlock covers. False if the kernel has no Landlock.

    Needs PR_SET_NO_NEW_PRIVS. Can't be undone.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_CREATE_RULESET_VERSION))
    if version < 1:
        return False
    denied = _Ruleset(
        files=(1 << _FILE_RIGHTS.get(version, _MAX_FILE_RIGHTS)) - 1,
        ports=_TCP_BIND_AND_CONNECT if version >= 4 else 0,
        scoped=_ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0,
    )
    ruleset = libc.syscall(
        _CREATE_RULESET, ctypes.byref(denied), ctypes.c_size_t(ctypes.sizeof(denied)), ctypes.c_uint32(0)
    )
    if ruleset < 0:
        return False
    try:
        return bool(libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0)
    finally:
        os.close(ruleset)
