"""The spool: each hash once, the last row decides, and nothing of it is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeward.imports import spool as module
from edgeward.imports import temporary_files
from edgeward.imports.spool import Spool
from edgeward.imports.temporary_files import NoDiskSpace
from edgeward.lists.formats import WithdrawnSource
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.types import Signal


def md5(number: int) -> Signal:
    return Signal("md5", f"{number:032x}")


@pytest.fixture(params=["memory", "disk"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Spool]:
    made = Spool(None if request.param == "memory" else tmp_path, "ncii")
    yield made
    made.close()


def test_each_hash_once_in_the_order_of_the_file(spool: Spool) -> None:
    """With all that the row says of it; more rows than are written and read at a time."""
    rows = [ParsedHash(md5(number), f"r{number}", f"s{number}", ("a", "b")) for number in range(2500, 0, -1)]
    pdq = ParsedHash(Signal("pdq", "ab" * 32, 77))
    for row in (*rows, pdq):
        spool.add(row)
    counts = spool.finish()
    assert (counts.by_type, counts.total, counts.withdrawn) == ({"md5": 2500, "pdq": 1}, 2501, 0)
    assert list(spool.hashes()) == [*rows, pdq]
    assert list(spool.withdrawn()) == list(spool.sources()) == []


def test_the_last_row_of_a_hash_decides(spool: Spool) -> None:
    """A withdrawal after its entry, an entry after its withdrawal; rows that differ are counted apart."""
    spool.add(ParsedHash(md5(1), "first"))
    spool.add(ParsedHash(md5(1), "last"))
    spool.add(ParsedHash(md5(2)))
    spool.add(ParsedHash(md5(2)))
    spool.add(ParsedHash(md5(3)))
    spool.add(ParsedHash(md5(3), withdrawn=True))
    spool.add(ParsedHash(md5(4), withdrawn=True))
    spool.add(ParsedHash(md5(4)))
    counts = spool.finish()
    assert [(each.signal, each.reason) for each in spool.hashes()] == [(md5(1), "last"), (md5(2), ""), (md5(4), "")]
    assert list(spool.withdrawn()) == [md5(3)]
    assert (counts.repeated, counts.conflicting, counts.withdrawn) == (4, 3, 1)
    assert [spool.has(md5(number)) for number in (3, 5)] == [True, False]


def test_a_withdrawn_source_takes_back_what_came_before_it(spool: Spool) -> None:
    """Of the rows with its id, those before it are withdrawn, and those after it are listed."""
    spool.add(ParsedHash(md5(1), source_id="A"))
    spool.add(ParsedHash(md5(2), source_id="B"))
    spool.add(WithdrawnSource(3, "A"))
    spool.add(ParsedHash(md5(4), source_id="A"))
    for number in range(1500):
        spool.add(WithdrawnSource(5, f"other {number:05}"))
    spool.add(WithdrawnSource(6, "A"))
    spool.add(ParsedHash(md5(5), source_id="A"))
    counts = spool.finish()
    assert [each.signal for each in spool.hashes()] == [md5(2), md5(5)]
    assert sorted(each.value for each in spool.withdrawn()) == [md5(1).value, md5(4).value]
    assert list(spool.sources()) == ["A", *(f"other {number:05}" for number in range(1500))]
    assert (counts.total, counts.withdrawn, counts.sources, counts.repeated) == (2, 2, 1501, 0)


def test_its_file_has_no_name(tmp_path: Path) -> None:
    """Nothing is left of a spool whose process dies."""
    made = Spool(tmp_path, "ncii")
    assert list(tmp_path.iterdir()) == []
    made.close()


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the file can't grow, or the disk must keep some room for others, or state_dir is gone."""
    made = Spool(tmp_path, "ncii")
    made._database.execute("PRAGMA cache_size = 10")
    made._database.execute("PRAGMA max_page_count = 20")
    with pytest.raises(NoDiskSpace, match="No space left on device; nothing was imported"):
        for number in range(10_000):
            made.add(ParsedHash(md5(number)))
    made.close()
    with pytest.raises(NoDiskSpace, match="No such file"):
        Spool(tmp_path / "gone", "ncii")
    monkeypatch.setattr(module, "ROWS_PER_LOOK", 1000)
    made = Spool(tmp_path, "ncii")
    monkeypatch.setattr(temporary_files, "KEPT_FREE_SHARE", 1.0)
    monkeypatch.setattr(temporary_files, "KEPT_FREE_BYTES", 2**60)
    with pytest.raises(NoDiskSpace, match=str(tmp_path)):
        for number in range(1000):
            made.add(ParsedHash(md5(number)))
    made.close()
