"""Lines of exported files."""

import csv
import io
import json

import pytest

from edgeward.lists.export_formats import COLUMNS, EXPORT_FORMATS
from edgeward.lists.formats.hash_files import ParsedHash, format_of, open_file, read_rows
from edgeward.types import Entry, Signal

VALUE = "0f1e2d3c4b5a6978" * 3 + "8796a5b4c3d2e1f1"
PDQ = Entry("a", Signal("pdq", VALUE, 80), "order 17", "ana", 1.5, "act-1", "4242-17", ("A1", "verified"))
MD5 = Entry("a", Signal("md5", "1" * 32))


def cells(entry: Entry) -> dict[str, str]:
    text = EXPORT_FORMATS["csv"].header + EXPORT_FORMATS["csv"].line(entry)
    (row,) = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return row


def test_jsonl_has_all_that_an_import_reads() -> None:
    """And nothing that is empty."""
    assert json.loads(EXPORT_FORMATS["jsonl"].line(PDQ)) == {
        "value": VALUE,
        "type": "pdq",
        "quality": 80,
        "reason": "order 17",
        "source_id": "4242-17",
        "tags": ["A1", "verified"],
    }
    assert json.loads(EXPORT_FORMATS["jsonl"].line(MD5)) == {"value": "1" * 32, "type": "md5"}
    odd = Entry("a", Signal("pdq", "0f" * 32, 0), "a\nb\u2028\x00\ud800")
    assert json.loads(EXPORT_FORMATS["jsonl"].line(odd))["reason"] == odd.reason
    assert EXPORT_FORMATS["jsonl"].line(odd).count("\n") == 1
    assert json.loads(EXPORT_FORMATS["jsonl"].line(odd))["quality"] == 0


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_an_import_reads_what_was_written(name: str) -> None:
    """Every hash with all that is known of it."""
    written = EXPORT_FORMATS[name]
    text = written.header + "".join(map(written.line, (PDQ, MD5)))
    opened = open_file(io.BytesIO(text.encode()))
    found = list(read_rows(opened.stream, format_of(opened.head)))
    assert [row for row in found if not isinstance(row, ParsedHash)] == []
    read = [row for row in found if isinstance(row, ParsedHash)]
    assert [(row.signal, row.reason, row.source_id, row.tags) for row in read] == [
        (each.signal, each.reason, each.source_id, each.tags) for each in (PDQ, MD5)
    ]


def test_csv_has_the_same_columns() -> None:
    """Quotes, separators and line ends stay in their cell."""
    assert cells(PDQ) == dict(zip(COLUMNS, ["pdq", VALUE, "80", "order 17", "4242-17", "A1;verified"], strict=True))
    assert cells(Entry("a", MD5.signal, 'say "x", then\r\nend'))["reason"] == 'say "x", then\r\nend'


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "'=1", "''@a"])
def test_csv_has_no_formulas(reason: str) -> None:
    """A spreadsheet must not calculate what somebody gave as a reason; and what was written so can be told."""
    assert cells(Entry("a", MD5.signal, reason, source_id=reason, tags=(reason,)))["reason"] == f"'{reason}"
    assert cells(Entry("a", MD5.signal, source_id=reason))["source_id"] == f"'{reason}"
    assert cells(Entry("a", MD5.signal, tags=(reason, "b")))["tags"] == f"'{reason};b"


def test_csv_leaves_other_cells_alone() -> None:
    """An apostrophe alone is no formula."""
    assert cells(Entry("a", MD5.signal, "'tis 1=1"))["reason"] == "'tis 1=1"


def test_text_is_what_hash_prints() -> None:
    """TYPE:HEX, with the quality where there is one."""
    assert EXPORT_FORMATS["text"].line(PDQ) == f"pdq:{VALUE} quality 80\n"
    assert EXPORT_FORMATS["text"].line(MD5) == f"md5:{'1' * 32}\n"
