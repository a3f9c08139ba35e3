"""The hasher process: it owns nothing, answers in JSON and ends with its parent."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from tests.hashing.hashers.conftest import HELD, Gate
from tests.hashing.pictures import encoded, jpeg, noise, photograph

from edgeward.config import HashingSettings
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.request import HashRequest
from edgeward.isolation.frames import BEGUN, LENGTH_BYTES, READY, length_of
from edgeward.types import Fingerprint

SOURCE = str(Path(__file__).parents[3] / "addons")

PARENT = """
import asyncio, sys
from edgeward.config import HashingSettings
from edgeward.hashing.hashers.hasher import Hasher
from edgeward.hashing.request import HashRequest

async def main():
    settings = HashingSettings(signals=("sha256", "gate"))
    idle, busy = await asyncio.gather(Hasher.start(settings), Hasher.start(settings))
    await busy.begin(open(sys.argv[1], "rb").read(), HashRequest())
    print(idle.pid, busy.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def read(connection: socket.socket) -> bytes:
    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            if not (piece := connection.recv(count - len(data))):
                raise EOFError
            data += piece
        return data

    return exactly(int.from_bytes(exactly(LENGTH_BYTES), "big"))


def ask(connection: socket.socket, body: bytes, asked: HashRequest | None = None) -> None:
    request = (asked or HashRequest()).to_json().encode()
    connection.sendall(length_of(request) + request + length_of(body) + body)


@contextmanager
def worker(settings: HashingSettings) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    ours, theirs = socket.socketpair()
    arguments = [
        sys.executable,
        "-m",
        "edgeward.hashing.hashers.worker",
        str(theirs.fileno()),
        settings.model_dump_json(),
    ]
    environment = {"PYTHONPATH": SOURCE, "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(arguments, pass_fds=[theirs.fileno()], env=environment, stderr=subprocess.PIPE)
    theirs.close()
    try:
        assert read(ours).split()[0] == READY
        yield process, ours
    finally:
        process.kill()
        process.communicate()
        ours.close()


def ends(pid: int, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_images_are_answered_one_after_another() -> None:
    """BEGUN, then the fingerprint as JSON: the same that `fingerprint` gives in this process."""
    with worker(HashingSettings()) as (_, connection):
        for body in (jpeg(), b"no image", jpeg((200, 200))):
            ask(connection, body)
            assert read(connection) == BEGUN
            assert Fingerprint.from_json(read(connection)) == fingerprint(body, HashingSettings())


def test_it_is_confined() -> None:
    """No core dumps, no files written, few open, bounded address space, no new privileges."""
    with worker(HashingSettings(memory_mb=700)) as (process, _):
        limits = {what: resource.prlimit(process.pid, what)[0] for what in range(16)}
        status = Path(f"/proc/{process.pid}/status").read_text()
    assert limits[resource.RLIMIT_CORE] == limits[resource.RLIMIT_FSIZE] == 0
    assert limits[resource.RLIMIT_NOFILE] <= 16
    assert limits[resource.RLIMIT_AS] == 700 * 1024 * 1024
    assert "NoNewPrivs:\t1" in status


def test_it_ends_with_its_socket() -> None:
    """A parent that closes the socket has ended its hasher, without a word on stderr."""
    with worker(HashingSettings()) as (process, connection):
        connection.close()
        assert process.wait(20) == 0
        assert process.stderr and process.stderr.read() == b""


def test_out_of_memory_is_death() -> None:
    """An image within max_pixels that needs more than memory_mb ends the hasher silently after BEGUN."""
    huge = encoded(Image.new("P", (7900, 7900)), "PNG")
    with worker(HashingSettings(memory_mb=384, max_pixels=64_000_000)) as (process, connection):
        ask(connection, huge)
        assert read(connection) == BEGUN
        assert process.wait(60) != 0
        assert process.stderr and process.stderr.read() == b""


@pytest.mark.parametrize(
    ("format", "options"), [("JPEG", {"progressive": True, "subsampling": 0}), ("WEBP", {"method": 0})]
)
def test_out_of_memory_inside_a_decoder_is_death_too(format: str, options: dict[str, object]) -> None:
    """Decoders report a failed allocation as broken data: it must not end as a black picture that matches nothing."""
    body = encoded(noise((64, 64)).resize((4000, 4000)), format, **options)
    with worker(HashingSettings(memory_mb=384)) as (process, connection):
        ask(connection, body, HashRequest(exact=True))
        assert read(connection) == BEGUN
        assert process.wait(60) != 0


def test_memory_returns_to_where_it_was() -> None:
    """Large pictures of several formats, again and again, leave a hasher as large as it was, within 12 MiB."""
    picture = photograph().resize((3000, 3000))
    bodies = [encoded(picture, "WEBP", method=0), encoded(picture, "TIFF")]

    def resident() -> int:
        return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * resource.getpagesize() >> 20

    with worker(HashingSettings(timeout_ms=60_000)) as (process, connection):
        before = resident()
        for body in bodies * 2:
            ask(connection, body, HashRequest(exact=True))
            assert read(connection) == BEGUN
            read(connection)
        ask(connection, b"")
        assert read(connection) == BEGUN
        assert resident() - before < 12


async def test_no_hasher_outlives_its_parent(gate: Gate, tmp_path: Path) -> None:
    """SIGKILL to the parent ends its hashers: the idle one, and the one that is at a picture."""
    held = tmp_path / "held.jpg"
    held.write_bytes(HELD)
    path = os.pathsep.join((SOURCE, os.environ["PYTHONPATH"]))
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, held, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE
    )
    assert parent.stdout
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    assert all(ends(pid) for pid in pids)
