"""An isolated process from the outside: whatever it does, its parent is not harmed."""

import os
import signal
from pathlib import Path

import pytest

from edgeward.isolation.frames import LAYERS
from edgeward.isolation.isolated import Isolated, ProcessDied

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
    """The name of a module that `write` writes, where a launched process finds it."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return str(tmp_path / "liar.py")


async def launched(module: str, code: str) -> Isolated:
    Path(module).write_text(LIAR.format(code))
    return await Isolated.launch("liar", "argument")


async def test_a_sane_one_is_asked_and_answers(module: str) -> None:
    """Question and body go in, what it says comes back; its layers are those that it named and that there are."""
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
async def test_one_that_does_not_get_ready_is_ended(module: str, code: str) -> None:
    """It ends, says something else or says too much: an error at once, and no process is left."""
    with pytest.raises(ProcessDied):
        await launched(module, code)


@pytest.mark.parametrize("said", ['b"done"', 'b""', "bytes(1 << 21)"])
async def test_speaking_out_of_turn(module: str, said: str) -> None:
    """Anything but BEGUN after a question means that it can't be trusted."""
    process = await launched(module, f'say(b"ready")\nsay({said})')
    with pytest.raises(ProcessDied):
        await process.ask(b"q", b"body")
    await process.close()


async def test_one_that_reads_nothing_can_be_left(module: str) -> None:
    """It hangs before it has read a large body: killing it ends the handing over."""
    process = await launched(module, 'say(b"ready")')
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ProcessDied):
        await process.ask(b"q", bytes(30_000_000))
    assert await process.ended() == -signal.SIGKILL
    await process.close()


async def test_its_environment_is_nearly_empty(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token of its parent's is in it, and no descriptor but its socket."""
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
        "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "LC_CTYPE", "/dev/null",
    }  # fmt: skip
