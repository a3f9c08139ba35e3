"""The link to the store that can be cut."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chaos.components import StandaloneProcess
from tests.support.eventually import until

CONNECT_SECONDS = 0.2


def _connected(path: Path, seconds: float | None = None) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    connection.connect(str(path))
    return connection


def _is_open(path: Path) -> bool:
    with contextlib.suppress(OSError), _connected(path):
        return True
    return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "store"))
        server.listen()
        yield server


def test_a_link_that_is_cut_and_one_that_breaks(server: socket.socket, tmp_path: Path) -> None:
    """Frozen, it holds every byte and ends no connection; killed, it ends all and takes none."""
    path = tmp_path / "link"
    command = [sys.executable, "-m", "tests.chaos.store_link", str(path), str(tmp_path / "store")]
    link = StandaloneProcess(tmp_path / "link.log", lambda: command, lambda: _is_open(path))
    link.start()
    try:
        server.accept()[0].close()  # of the look whether it is open
        with _connected(path, 20) as client, server.accept()[0] as store:
            client.sendall(b"question")
            assert store.recv(100) == b"question"
            link.pause()
            store.sendall(b"answer")
            client.settimeout(CONNECT_SECONDS)
            with pytest.raises(TimeoutError):
                client.recv(100)
            link.resume()
            client.settimeout(20)
            assert client.recv(100) == b"answer"
            link.kill()
            assert client.recv(100) == b""
        assert not _is_open(path)
        link.start()
        until(lambda: _is_open(path), "the link is back")
    finally:
        link.stop()
