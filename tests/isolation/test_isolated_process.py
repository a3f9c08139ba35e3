"""An isolated process from outside: whatever it does, its parent is not harmed."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from edgeward.isolation.isolated_process import IsolatedProcess, ProcessDied
from edgeward.isolation.protocol import LAYERS

LIAR = """
import socket, sys, time
parent = socket.socket(fileno=int(sys.argv[1]))
def say(payload):
    parent.sendall(len(payload).to_bytes(4, "big") + payload)
{}
time.sleep(60)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a module "liar", which a launched process finds."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return str(tmp_path / "liar.py")


async def launched(module: str, code: str) -> IsolatedProcess:
    Path(module).write_text(LIAR.format(code))
    return await IsolatedProcess.launch("liar", "argument")


async def test_a_request_is_answered(module: str) -> None:
    """Request and body go in, the answer comes back. Of the layers it names, those in LAYERS count."""
    process = await launched(
        module,
        'assert sys.argv[2] == "argument"\n'
        'say(b"ready landlock magic")\n'
        'got = parent.recv(11, socket.MSG_WAITALL)\nsay(b"begun")\nsay(got)',
    )
    assert process.alive
    assert process.layers == {"landlock"} <= set(LAYERS)
    await process.ask(b"q", b"is")
    assert await process.receive() == b"\0\0\0\1q\0\0\0\2is"
    await process.close()
    assert not process.alive


@pytest.mark.parametrize("code", ["sys.exit(0)", 'say(b"hello")', 'say(b"")', 'parent.sendall(b"\\xff" * 9)'])
async def test_a_process_that_does_not_get_ready_is_ended(module: str, code: str) -> None:
    """It ends, sends something else or sends too much: an error at once, and no process is left."""
    with pytest.raises(ProcessDied):
        await launched(module, code)


@pytest.mark.parametrize("payload", ['b"done"', 'b""', "bytes(1 << 21)"])
async def test_a_process_that_breaks_the_protocol(module: str, payload: str) -> None:
    """Anything but BEGUN after a request is ProcessDied."""
    process = await launched(module, f'say(b"ready")\nsay({payload})')
    with pytest.raises(ProcessDied):
        await process.ask(b"q", b"body")
    await process.close()


async def test_a_process_that_reads_nothing_can_be_killed(module: str) -> None:
    """It hangs before it has read a large body: killing it ends the sending."""
    process = await launched(module, 'say(b"ready")')
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ProcessDied):
        await process.ask(b"q", bytes(30_000_000))
    assert await process.ended() == -signal.SIGKILL
    await process.close()


async def test_its_environment_is_nearly_empty(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds no token of its parent, and 0 and 1 are /dev/null."""
    monkeypatch.setenv("EDGEWARD_TOKEN", "secret")
    process = await launched(
        module,
        "import os\nsay(b'ready')\nparent.recv(10, socket.MSG_WAITALL)\nsay(b'begun')\n"
        "say(' '.join([*os.environ, *map(os.readlink, ('/proc/self/fd/0', '/proc/self/fd/1'))]).encode())",
    )
    await process.ask(b"q", b"?")
    names = set((await process.receive()).decode().split())
    await process.close()
    assert names <= {
        "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH",
        "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX", "LC_CTYPE", "/dev/null",
    }  # fmt: skip


ALLOCATES_IN_THREADS = """
import threading
threading.stack_size(256 * 1024)
def pages():
    return int(open("/proc/self/statm").read().split()[0])
before, all_done = pages(), threading.Barrier(9)
def work():
    kept = [bytearray(5000) for _ in range(100)]
    all_done.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
all_done.wait()
[thread.join() for thread in threads]
say(b"ready")
parent.recv(10, socket.MSG_WAITALL)
say(b"begun")
say(b"%d" % ((pages() - before) * 4096))
"""


async def test_threads_use_up_no_address_space(module: str) -> None:
    """What decoders' threads allocate leaves little behind: the limit is on address space, and the next image needs
    it."""
    process = await launched(module, ALLOCATES_IN_THREADS)
    await process.ask(b"q", b"?")
    assert int(await process.receive()) < 64 * 2**20
    await process.close()


SPINS = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
say(b"ready")
{}
while True:
    pass
"""


@pytest.mark.parametrize("code", ["", 'parent.recv(10, socket.MSG_WAITALL)\nsay(b"begun")\nsay(b"answer")'])
async def test_cpu_time_between_requests_ends_it(module: str, code: str) -> None:
    """A process that computes while it has no request is killed, though it blocks every signal."""
    process = await launched(module, SPINS.format(code))
    if code:
        await process.ask(b"q", b"b")
        assert await process.receive() == b"answer"
    assert await asyncio.wait_for(process.ended(), 60) == -signal.SIGKILL
    assert process.cause == "timeout"
    await process.close()


async def test_cpu_time_of_a_request_ends_it(module: str) -> None:
    """So is one that takes more than `cpu_seconds` for its request."""
    process = await launched(module, SPINS.format('parent.recv(10, socket.MSG_WAITALL)\nsay(b"begun")'))
    process.cpu_seconds = 0.1
    await process.ask(b"q", b"b")
    assert await asyncio.wait_for(process.ended(), 60) == -signal.SIGKILL
    await process.close()
