"""The hasher process: it is confined, answers in JSON and ends with its parent."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from tests.hashing.hashers.conftest import HELD, Gate
from tests.hashing.pictures import encoded, jpeg, noise, photograph
from tests.support.eventually import eventually

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.isolation.protocol import BEGUN, LENGTH_BYTES, READY, length_prefix
from edgeward.settings.config import HashingSettings
from edgeward.types import Fingerprint

SOURCE = str(Path(__file__).parents[3] / "addons")

PARENT = """
import asyncio, sys
from edgeward.settings.config import HashingSettings
from edgeward.hashing.hashers.hasher import Hasher
from edgeward.hashing.hash_request import HashRequest

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
    connection.sendall(length_prefix(request) + request + length_prefix(body) + body)


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


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_images_are_answered_one_after_another() -> None:
    """BEGUN, then as JSON the same fingerprint that `fingerprint` gives in this process."""
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
    """A hasher ends when its parent closes the socket, and prints nothing."""
    with worker(HashingSettings()) as (process, connection):
        connection.close()
        assert process.wait(60) == 0
        assert process.stderr and process.stderr.read() == b""


def test_out_of_memory_ends_the_hasher() -> None:
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
def test_out_of_memory_inside_a_decoder_ends_it_too(format: str, options: dict[str, object]) -> None:
    """Decoders report a failed allocation as broken data. It must not become a black picture that matches nothing."""
    body = encoded(noise((64, 64)).resize((4000, 4000)), format, **options)
    with worker(HashingSettings(memory_mb=384)) as (process, connection):
        ask(connection, body, HashRequest(exact=True))
        assert read(connection) == BEGUN
        assert process.wait(60) != 0


def test_memory_returns_to_where_it_was() -> None:
    """Large pictures of several formats, hashed repeatedly, grow a hasher by less than 12 MiB."""
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
    """If the parent is killed, its hashers end: the idle one and the busy one."""
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
    for pid in pids:
        await eventually(lambda pid=pid: has_ended(pid), f"the end of {pid}")
