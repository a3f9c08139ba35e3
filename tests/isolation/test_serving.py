"""An isolated process from inside: it confines itself, answers, and ends in one of few ways."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.isolation.cells import SOURCE
from tests.support.eventually import until

from edgeward.isolation.protocol import BEGUN, LAYERS, LENGTH_BYTES, READY, length_prefix

SERVER = """
import sys
from edgeward.isolation.serving import serve

def answer(request, body):
    if request == b"take":
        bytearray(1 << 40)
    if request == b"raise":
        raise ValueError(request)
    return request + body[:1] + b"%d" % len(body) + body[-1:]

serve(int(sys.argv[1]), 256, answer)
"""


class Served:
    """The other end of a server's socket."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self.process, self.connection = process, connection

    def read(self) -> bytes:
        length = self.connection.recv(LENGTH_BYTES, socket.MSG_WAITALL)
        return self.connection.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)

    def ask(self, request: bytes, body: bytes = b"") -> None:
        self.connection.sendall(length_prefix(request) + request + length_prefix(body) + body)

    def becomes(self, state: str) -> None:
        """Wait until the process is in this state of /proc/PID/stat: S, asleep; T, stopped."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == state, f"state {state}")

    def ends(self) -> int:
        return self.process.wait(60)


@contextmanager
def server() -> Iterator[Served]:
    ours, theirs = socket.socketpair()
    arguments = [sys.executable, "-c", SERVER, str(theirs.fileno())]
    process = subprocess.Popen(arguments, pass_fds=[theirs.fileno()], env={"PYTHONPATH": SOURCE})
    theirs.close()
    try:
        yield Served(process, ours)
    finally:
        process.kill()
        process.wait()
        ours.close()


@pytest.fixture
def served() -> Iterator[Served]:
    with server() as ready:
        assert ready.read().split()[0] == READY
        yield ready


def test_it_tells_its_layers() -> None:
    """The first frame is READY and the layers that hold."""
    with server() as fresh:
        word, *layers = fresh.read().decode().split()
    assert word == READY.decode()
    assert set(layers) <= set(LAYERS)


@pytest.mark.parametrize("size", [0, 1, 100_000, 40_000_000])
def test_bodies_of_any_size_arrive_complete(served: Served, size: int) -> None:
    """BEGUN, then the answer, again and again."""
    for request in (b"first", b"second"):
        threading.Thread(target=served.ask, args=(request, b"\1" * size)).start()
        assert served.read() == BEGUN
        assert served.read() == request + b"\1" * min(size, 1) + b"%d" % size + b"\1" * min(size, 1)


def test_a_body_that_comes_in_pieces_arrives_complete(served: Served) -> None:
    """A process that is stopped in the middle of a body, which makes the kernel return early, reads on."""
    served.connection.sendall(length_prefix(b"q") + b"q" + length_prefix(bytes(500_000)))
    for _ in range(5):
        served.connection.sendall(bytes(100_000))
        served.becomes("S")  # it waits for more
        os.kill(served.process.pid, signal.SIGSTOP)
        served.becomes("T")
        os.kill(served.process.pid, signal.SIGCONT)
    assert served.read() == BEGUN
    assert served.read() == b"q\x00500000\x00"


def test_it_ends_with_its_socket(served: Served) -> None:
    """It does not wait for the rest of a request when its parent is gone."""
    served.connection.sendall(length_prefix(b"request") + b"half")
    served.connection.close()
    assert served.ends() == 0


@pytest.mark.parametrize("command", [b"take", b"raise"])
def test_an_error_in_an_answer_ends_it(served: Served, command: bytes) -> None:
    """Out of memory, or an unexpected exception: BEGUN was sent, so the body counts as the cause."""
    served.ask(command)
    assert served.read() == BEGUN
    assert served.ends() > 0


def test_a_body_too_large_for_its_memory_ends_it(served: Served) -> None:
    """Such a body counts as begun, so that it is not tried on another process."""
    served.ask(b"q", bytes(300 << 20))
    assert served.read() == BEGUN
    assert served.ends() == 1
