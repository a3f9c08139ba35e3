"""The inside of an isolated process: it confines itself, then answers what comes in over its one socket (frames.py).

It ends when the socket does, and the kernel ends it with its parent. Out of memory it just dies.
"""

import ctypes
import os
import socket
import time
from collections.abc import Callable

from edgeward.isolation.confinement import SOCKET, allow_seconds, confine
from edgeward.isolation.frames import BEGUN, LENGTH_BYTES, READY, length_of

_PIECE = 64 * 1024
_LONG_SECONDS = 0.05
"""An answer that took so much time may have left much free memory behind, and giving it back costs little beside it."""
_give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""glibc keeps what lies between pieces that are still in use."""


def serve(fd: int, memory_mb: int, seconds: float, answer: Callable[[bytes, bytes], bytes]) -> None:
    """Answer each question, which is a short text and a body, until the parent is gone.

    Each has `seconds` of CPU time. BEGUN is sent before `answer` looks at it, so that the parent knows whether a
    death was the body's doing. Whatever `answer` imports or opens must be loaded before.
    """
    try:
        layers = confine(fd, memory_mb)
        # What kind of socket it is the kernel may no longer be asked.
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=SOCKET) as parent:
            _send(parent, " ".join((READY.decode(), *layers)).encode())
            _answer(parent, seconds, answer)
    except (BrokenPipeError, ConnectionResetError):
        pass
    except MemoryError:
        os._exit(1)


def _answer(parent: socket.socket, seconds: float, answer: Callable[[bytes, bytes], bytes]) -> None:
    while (question := _receive(parent)) is not None and (size := _size(parent)) is not None:
        allow_seconds(seconds)
        try:
            body = _exactly(parent, size)
        except MemoryError:
            # Read it all the same: a parent that is cut off in the middle would try it on the next process.
            _pass_over(parent, size)
            _send(parent, BEGUN)
            raise
        if body is None:
            return
        _send(parent, BEGUN)
        started = time.process_time()
        _send(parent, answer(question, body))
        del body  # not to be kept until the next one is here
        if _give_back and time.process_time() - started > _LONG_SECONDS:
            _give_back(0)


def _receive(parent: socket.socket) -> bytes | None:
    """The next frame; None where the parent is gone, here and below."""
    size = _size(parent)
    return None if size is None else _exactly(parent, size)


def _size(parent: socket.socket) -> int | None:
    length = _exactly(parent, LENGTH_BYTES)
    return None if length is None else int.from_bytes(length, "big")


def _exactly(parent: socket.socket, count: int) -> bytes | None:
    """So many bytes, which the kernel writes where they stay; only a signal can make it more than one piece."""
    data = parent.recv(count, socket.MSG_WAITALL) if count else b""
    while len(data) < count:
        more = parent.recv(count - len(data), socket.MSG_WAITALL)
        if not more:
            return None
        data += more
    return data


def _pass_over(parent: socket.socket, count: int) -> None:
    while count and (piece := parent.recv(min(count, _PIECE))):
        count -= len(piece)


def _send(parent: socket.socket, payload: bytes) -> None:
    parent.sendall(length_of(payload) + payload)
