"""The hosts of lost sightings on disk."""

import multiprocessing
import stat
from pathlib import Path

import pytest

from edgeward.proxy.lost_hosts_file import LostHostsFile
from edgeward.sightings.forgotten import EVERYWHERE
from edgeward.types import Target

HOSTS = [Target("http", "img.test", "/"), Target("https", "\xe9\n.test", "/"), EVERYWHERE]


def write(directory: Path) -> None:
    """What a worker does that dies."""
    file = LostHostsFile(directory)
    for host in HOSTS:
        file.add(host)


def taken_over(file: LostHostsFile) -> list[Target]:
    found: list[Target] = []
    file.take_over(found.append)
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state" / "lost-hosts"


def test_the_hosts_of_a_dead_worker_are_taken_over_once(directory: Path) -> None:
    """Whatever bytes they are."""
    worker = multiprocessing.get_context("spawn").Process(target=write, args=(directory,))
    worker.start()
    worker.join()
    (path,) = directory.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert taken_over(LostHostsFile(directory)) == HOSTS
    assert taken_over(LostHostsFile(directory)) == []
    assert list(directory.iterdir()) == []


def test_a_living_worker_keeps_its_hosts(directory: Path) -> None:
    """Until they are in the store; then it has no file, and begins a new one with the next host."""
    living = LostHostsFile(directory)
    for _ in range(2):
        living.add(HOSTS[0])
        assert taken_over(LostHostsFile(directory)) == taken_over(living) == []
        assert len(list(directory.iterdir())) == 1
        living.clear()
        assert list(directory.iterdir()) == []
    living.clear()


def test_without_a_directory_there_is_nothing(directory: Path) -> None:
    """A first start."""
    assert taken_over(LostHostsFile(directory)) == []
    assert not directory.exists()


def test_a_damaged_line_stands_for_every_host(directory: Path) -> None:
    """What is not known is not forgotten."""
    directory.mkdir(parents=True)
    for damaged in (b'["ht', b"5", b"null", b"[1]", b"\xff"):
        (directory / "1-a").write_bytes(b'["http","img.test"]\n' + damaged)
        assert taken_over(LostHostsFile(directory)) == [HOSTS[0], EVERYWHERE]


def test_a_disk_that_refuses_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The worker goes on."""
    (tmp_path / "file").write_text("")
    file = LostHostsFile(tmp_path / "file")
    file.add(HOSTS[0])
    file.clear()
    assert "can't be kept" in caplog.text
    assert "img.test" not in caplog.text
