"""The data of a batch in a file."""

import sqlite3
import threading
from pathlib import Path

import pytest

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.batch_database import BatchDatabase, new_database

BIG = bytes(range(256)) * 400


def written(path: Path) -> Path:
    with new_database(path) as writer:
        writer.add("one", b"1")
        writer.add("big", BIG)
        writer.finish()
    return path


def test_reads_what_was_written(tmp_path: Path) -> None:
    """All data are read under their names, from several threads, and after the file was removed."""
    database = BatchDatabase(written(tmp_path / "x y?.sqlite"))
    database.path.unlink()
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(database.read("big"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [BIG] * 4
    assert database.read("one") == b"1"
    with pytest.raises(DamagedSegment, match=r"x y\?\.sqlite: it has no two"):
        database.read("two")


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    """What is not finished leaves nothing; a file has no other beside it."""
    with pytest.raises(ZeroDivisionError), new_database(tmp_path / "a.sqlite") as writer:
        writer.add("one", b"1")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    path = written(tmp_path / "a.sqlite")
    BatchDatabase(path).read("one")
    assert list(tmp_path.iterdir()) == [path]


def test_damage_is_named(tmp_path: Path) -> None:
    """A missing, foreign, cut or changed file is an error that names it."""
    path = tmp_path / "a.sqlite"
    with pytest.raises(FileNotFoundError):
        BatchDatabase(path)
    whole = written(path).read_bytes()
    at = whole.index(BIG[:256]) + 100
    for damaged in (b"", b"x" * 30_000, whole[: len(whole) // 3], whole[:at] + b"!" + whole[at + 1 :]):
        path.write_bytes(damaged)
        with pytest.raises(DamagedSegment, match=r"a\.sqlite: "):
            BatchDatabase(path).read("big")
    path.unlink()
    written(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(DamagedSegment, match="it has format 2, this release reads 1"):
        BatchDatabase(path)


def test_a_disk_that_is_full_is_said(tmp_path: Path) -> None:
    """What can't be written raises OSError, and leaves nothing."""
    directory = tmp_path / "gone"
    directory.mkdir()
    with pytest.raises(OSError, match="gone"), new_database(directory / "a.sqlite") as writer:
        (directory / "a.sqlite.partial").unlink()
        directory.rmdir()
        writer.finish()
    with pytest.raises(OSError, match="nowhere"), new_database(tmp_path / "nowhere" / "a.sqlite"):
        pass
