"""An isolated process from the inside: it confines itself, answers, and ends in one of few ways."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.isolation.cells import SOURCE

from edgeward.isolation.frames import BEGUN, LAYERS, LENGTH_BYTES, READY, length_of

SERVER = """
import sys
from edgeward.isolation.serving import serve

def answer(question, body):
    if question == b"spin":
        while True:
            pass
    if question == b"take":
        bytearray(1 << 40)
    if question == b"raise":
        raise ValueError(question)
    return question + body[:1] + b"%d" % len(body) + body[-1:]

serve(int(sys.argv[1]), 256, 0.1, answer)
"""


class Served:
    """The other end of a server's socket."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self.process, self.connection = process, connection

    def read(self) -> bytes:
        length = self.connection.recv(LENGTH_BYTES, socket.MSG_WAITALL)
        return self.connection.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)

    def ask(self, question: bytes, body: bytes = b"") -> None:
        self.connection.sendall(length_of(question) + question + length_of(body) + body)

    def becomes(self, state: str) -> None:
        """Wait until the process is in this state of /proc/PID/stat: S, asleep; T, stopped."""
        deadline = time.monotonic() + 20
        while Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != state:
            assert time.monotonic() < deadline, f"it is not in state {state}"
            time.sleep(0.001)

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


def test_it_says_how_it_is_isolated() -> None:
    """The first frame is READY and the layers that hold."""
    with server() as fresh:
        word, *layers = fresh.read().decode().split()
    assert word == READY.decode()
    assert set(layers) <= set(LAYERS)


@pytest.mark.parametrize("size", [0, 1, 100_000, 40_000_000])
def test_bodies_of_any_size_arrive_whole(served: Served, size: int) -> None:
    """BEGUN, then the answer, again and again."""
    for question in (b"first", b"second"):
        threading.Thread(target=served.ask, args=(question, b"\1" * size)).start()
        assert served.read() == BEGUN
        assert served.read() == question + b"\1" * min(size, 1) + b"%d" % size + b"\1" * min(size, 1)


def test_a_body_that_comes_in_pieces_arrives_whole(served: Served) -> None:
    """A process that is stopped in the middle of a body, so that the kernel returns early, reads on."""
    served.connection.sendall(length_of(b"q") + b"q" + length_of(bytes(500_000)))
    for _ in range(5):
        served.connection.sendall(bytes(100_000))
        served.becomes("S")  # it waits for more
        os.kill(served.process.pid, signal.SIGSTOP)
        served.becomes("T")
        os.kill(served.process.pid, signal.SIGCONT)
    assert served.read() == BEGUN
    assert served.read() == b"q\x00500000\x00"


def test_it_ends_with_its_socket(served: Served) -> None:
    """No parent, no work: not even half a question is waited for."""
    served.connection.sendall(length_of(b"question") + b"half")
    served.connection.close()
    assert served.ends() == 0


def test_a_stuck_parent_does_not_keep_it_spinning(served: Served) -> None:
    """A question that takes more CPU time than there is for one ends the process, with nobody's help."""
    served.ask(b"spin")
    assert served.ends() == -signal.SIGPROF


@pytest.mark.parametrize("question", [b"take", b"raise"])
def test_what_goes_wrong_in_an_answer_is_the_end(served: Served, question: bytes) -> None:
    """Out of memory, or an exception that nobody expected: BEGUN was said, so the body is to blame."""
    served.ask(question)
    assert served.read() == BEGUN
    assert served.ends() > 0


def test_a_body_without_room_is_to_blame(served: Served) -> None:
    """A body that does not fit into the memory there is counts as looked at: no other process need die of it."""
    served.ask(b"q", bytes(300 << 20))
    assert served.read() == BEGUN
    assert served.ends() == 1
