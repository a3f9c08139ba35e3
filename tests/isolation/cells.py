"""Runs code in a process of its own, confined or not, and tells the outcome."""

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

SOURCE = str(Path(__file__).parents[2] / "addons")
CONFINED = "confine(fd, 512)"
NO_NEW_PRIVS = "libc.prctl(38, 1, 0, 0, 0)"
LANDLOCK = f"{NO_NEW_PRIVS}, landlock.restrict()"
SECCOMP = f"{NO_NEW_PRIVS}, seccomp.restrict()"
FREE = "None"

_CHILD = """
import ctypes, errno, itertools, mmap, os, resource, signal, socket, sys, threading, time
from edgeward.isolation import landlock, seccomp
from edgeward.isolation.confinement import confine

fd, how, code = int(sys.argv[1]), compile(sys.argv[2], "how", "eval"), compile(sys.argv[3], "code", "eval")
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    result = getattr(libc, name)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result

held = eval(how)
answer = 3 if "confine" in sys.argv[2] else fd
try:
    found = str(eval(code))
except OSError as error:
    found = errno.errorcode[error.errno]
except (MemoryError, LookupError) as error:
    found = type(error).__name__
os.write(answer, found.encode())
os._exit(0)
"""


def tried(code: str, how: str = CONFINED, seconds: float = 60) -> str:
    """The outcome of the expression `code` in a process confined by `how`: its value, or the name of an errno
    or signal.

    `call(NAME, ...)` in it is a function of libc.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(theirs.fileno()), how, code],
            pass_fds=[theirs.fileno()],
            env={"PYTHONPATH": SOURCE, "SECRET": "token"},
            stdout=subprocess.PIPE,
        )
        theirs.close()
        assert process.stdout
        with process.stdout as stdout:
            try:
                status = process.wait(seconds)
            finally:
                process.kill()
            printed = len(stdout.read())
        answer = ours.recv(4096).decode()
    if status < 0:
        return signal.Signals(-status).name
    return answer if status == 0 and not printed else f"status {status}, printed {printed}"


REFUSED = errno.errorcode[errno.ENOSYS]
DENIED = errno.errorcode[errno.EACCES]
KILLED = signal.SIGSYS.name
MYSELF = os.getpid()
