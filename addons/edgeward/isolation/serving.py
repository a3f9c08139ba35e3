"""The inside of an isolated process: it confines itself, then answers what comes in over its one socket (protocol.py).

It ends when its socket is closed, and the kernel ends it with its parent. When it is out of memory, it ends at once.
"""

import ctypes
import os
import socket
import time
from collections.abc import Callable

from edgeward.isolation.confinement import SOCKET, confine
from edgeward.isolation.protocol import BEGUN, LENGTH_BYTES, READY, length_prefix

_DISCARD_BYTES = 64 * 1024
_TRIM_SECONDS = 0.05
"""After an answer that took this much CPU time, free memory goes back to the kernel: then that costs little beside it.
"""
_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""Of glibc, which does not give back by itself what lies between pieces still in use."""


def serve(fd: int, memory_mb: int, answer: Callable[[bytes, bytes], bytes]) -> None:
    """Answer each request, a short text and a body, until the parent is gone.

    Args:
        answer: makes the answer. All that it imports or opens must be loaded before.
    """
    try:
        layers = confine(fd, memory_mb)
        # Family and type are given, since the kernel can no longer be asked for them.
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=SOCKET) as parent:
            _send(parent, " ".join((READY.decode(), *layers)).encode())
            _answer_all(parent, answer)
    except (BrokenPipeError, ConnectionResetError):
        pass
    except MemoryError:
        os._exit(1)


def _answer_all(parent: socket.socket, answer: Callable[[bytes, bytes], bytes]) -> None:
    while (request := _receive_frame(parent)) is not None and (size := _receive_length(parent)) is not None:
        try:
            body = _receive_exactly(parent, size)
        except MemoryError:
            # Read it all the same: if the parent could not send it all, it would try the next process with it.
            _discard(parent, size)
            _send(parent, BEGUN)
            raise
        if body is None:
            return
        _send(parent, BEGUN)
        started = time.process_time()
        _send(parent, answer(request, body))
        del body  # or it would take memory until the next one has arrived
        if _malloc_trim and time.process_time() - started > _TRIM_SECONDS:
            _malloc_trim(0)


def _receive_frame(parent: socket.socket) -> bytes | None:
    """None here and below: the parent is gone."""
    size = _receive_length(parent)
    return None if size is None else _receive_exactly(parent, size)


def _receive_length(parent: socket.socket) -> int | None:
    length = _receive_exactly(parent, LENGTH_BYTES)
    return None if length is None else int.from_bytes(length, "big")


def _receive_exactly(parent: socket.socket, count: int) -> bytes | None:
    """`count` bytes. The kernel writes them where they stay, in one call unless a signal interrupts it."""
    data = parent.recv(count, socket.MSG_WAITALL) if count else b""
    while len(data) < count:
        more = parent.recv(count - len(data), socket.MSG_WAITALL)
        if not more:
            return None
        data += more
    return data


def _discard(parent: socket.socket, count: int) -> None:
    while count and (piece := parent.recv(min(count, _DISCARD_BYTES))):
        count -= len(piece)


def _send(parent: socket.socket, payload: bytes) -> None:
    parent.sendall(length_prefix(payload) + payload)
