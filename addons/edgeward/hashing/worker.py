"""The hasher: a process that does nothing but `fingerprint` what comes in over one socket.

    python -m edgeward.hashing.worker FD SETTINGS

It parses hostile bytes and may be taken over, so it owns nothing: an empty environment, one socket, no files to write,
a bound on memory. It ends when the socket does, and the kernel ends it with its parent. It answers in JSON.

It sends READY once (frames.py). Then for each image it reads two frames, the request (request.py) and the body, and
sends two: BEGUN before it looks at the body, so that the parent knows whether a death was the image's doing, and the
fingerprint. Out of memory it just dies.
"""

import ctypes
import os
import resource
import signal
import socket
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import IO

from edgeward.config import HashingSettings
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.frames import BEGUN, LENGTH_BYTES, READY, length_of
from edgeward.hashing.request import HashRequest

_OPEN_FILES = 16
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def main(fd: int, settings: HashingSettings) -> None:
    _confine(settings.memory_mb)
    with socket.socket(fileno=fd) as parent, parent.makefile("rb") as requests:
        _silence()
        _send(parent, READY)
        while (request := _receive(requests)) is not None and (body := _receive(requests)) is not None:
            _send(parent, BEGUN)
            found = fingerprint(body, settings, HashRequest.from_json(request))
            _send(parent, found.to_json().encode())


def _confine(memory_mb: int) -> None:
    """Give up what decoding needs none of. What the kernel refuses was not there to give up."""
    # It ends with its socket: what stops its parent may reach the whole process group, and images are still under way.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    for what, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_AS, memory_mb * 1024 * 1024),
    ):
        hard = resource.getrlimit(what)[1]
        lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (lower, lower))


def _silence() -> None:
    """Decoders print what they think of an image; a hostile one could fill a disk with it."""
    warnings.simplefilter("ignore")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def _receive(stream: IO[bytes]) -> bytes | None:
    """The next frame; None where the parent is gone."""
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    size = int.from_bytes(length, "big")
    payload = stream.read(size)
    return payload if len(payload) == size else None


def _send(parent: socket.socket, payload: bytes) -> None:
    parent.sendall(length_of(payload) + payload)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), HashingSettings.model_validate_json(sys.argv[2]))
    except (BrokenPipeError, ConnectionResetError):
        pass
    except MemoryError:
        os._exit(1)
