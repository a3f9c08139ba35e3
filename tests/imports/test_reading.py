"""Reading a file into a spool."""

import gzip
import io
from collections.abc import Iterator

import pytest

from edgeward.errors import UserError
from edgeward.imports import reading as module
from edgeward.imports.reading import Abandoned, Reading, ReadRequest, read_into
from edgeward.imports.spool import Spool
from edgeward.lists.formats import BadRow, FileFormat, LeftOut, ReadOptions, WithdrawnSource
from edgeward.lists.formats.table import FORMATS


@pytest.fixture
def spool() -> Iterator[Spool]:
    made = Spool(None, "ncii")
    yield made
    made.close()


def lines(count: int) -> bytes:
    return "".join(f"md5:{number:032x}\n" for number in range(1, count + 1)).encode()


def test_a_file_is_read(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The format is recognised, also of a compressed file; all bad rows are counted, and the first are named."""
    monkeypatch.setattr(module, "MAX_BAD_KEPT", 2)
    reading = Reading()
    body = gzip.compress(lines(1000) + b"md5:12\n" * 5)
    file = read_into(spool, io.BytesIO(body), ReadRequest(), reading)
    assert (file.file_format.name, file.compression, file.counts.total) == ("text", "gzip", 1000)
    assert (file.bad_count, [each.number for each in file.bad]) == (5, [1001, 1002])
    assert reading.done == len(body)


def test_columns_of_a_csv_are_said(spool: Spool) -> None:
    """Which are read, and which are passed over; other formats and empty files have none."""
    body = f"id,name,hash\n7,x,{1:032x}\n".encode()
    asked = ReadRequest("csv", ReadOptions(columns={"md5": "hash"}))
    file = read_into(spool, io.BytesIO(body), asked, Reading())
    assert file.columns == "columns read: md5 from column 3 (hash); passed over: id, name"
    assert read_into(spool, io.BytesIO(lines(1)), ReadRequest(), Reading()).columns == ""
    assert read_into(spool, io.BytesIO(b"# none\n"), asked, Reading()).columns == ""


def test_what_is_no_file_of_hashes_is_an_error(spool: Spool) -> None:
    """One that can't be recognised, or is of another format than it is said to be; an empty one is none."""
    with pytest.raises(UserError, match="not recognised"):
        read_into(spool, io.BytesIO(b"hello\n"), ReadRequest(), Reading())
    with pytest.raises(UserError, match="unknown format 'word'"):
        read_into(spool, io.BytesIO(lines(1)), ReadRequest("word"), Reading())
    for blank in (b"", b"# a comment\n\n"):
        assert read_into(spool, io.BytesIO(blank), ReadRequest(), Reading()).counts.total == 0


def test_what_is_left_out_is_counted(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By kind; beyond some kinds together. Withdrawn sources reach the spool."""

    def rows(*_: object) -> Iterator[LeftOut | BadRow | WithdrawnSource]:
        for number in range(5):
            yield LeftOut(number, f"kind {number % 3}")
        yield WithdrawnSource(6, "A")

    monkeypatch.setitem(FORMATS, "text", FileFormat("text", "a text", "record", lambda _: True, rows))  # type: ignore[arg-type]
    monkeypatch.setattr(module, "MAX_KINDS", 2)
    file = read_into(spool, io.BytesIO(b"x"), ReadRequest("text", ReadOptions()), Reading())
    assert file.left_out == {"kind 0": 2, "kind 1": 2, "other kinds": 1}
    assert list(spool.sources()) == ["A"]


def test_one_that_is_given_up_stops(spool: Spool) -> None:
    """At the next turn."""
    reading = Reading()
    reading.cancelled.set()
    with pytest.raises(Abandoned, match="nothing was imported"):
        read_into(spool, io.BytesIO(lines(10)), ReadRequest(), reading)


def test_stages() -> None:
    """Each begins at nothing."""
    reading = Reading()
    reading.done = 7
    reading.begin("comparing", 12)
    assert (reading.stage, reading.done, reading.total) == ("comparing", 0, 12)
