"""Lines of exported files."""

import csv
import io
import json

import pytest

from edgeward.lists.export_formats import COLUMNS, EXPORT_FORMATS
from edgeward.types import Entry, Signal

PDQ = Entry("a", Signal("pdq", "0f" * 32, 80), "order 17", "ana", 1.5, "act-1", "4242-17", ("A1", "verified"))
MD5 = Entry("a", Signal("md5", "1" * 32))


def cells(entry: Entry) -> dict[str, str]:
    text = EXPORT_FORMATS["csv"].header + EXPORT_FORMATS["csv"].line(entry)
    (row,) = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return row


def test_jsonl_has_all_that_an_import_reads() -> None:
    """And nothing that is empty."""
    assert json.loads(EXPORT_FORMATS["jsonl"].line(PDQ)) == {
        "value": "0f" * 32,
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


def test_csv_has_the_same_columns() -> None:
    """Quotes, separators and line ends stay in their cell."""
    assert cells(PDQ) == dict(zip(COLUMNS, ["pdq", "0f" * 32, "80", "order 17", "4242-17", "A1;verified"], strict=True))
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
    assert EXPORT_FORMATS["text"].line(PDQ) == f"pdq:{'0f' * 32} quality 80\n"
    assert EXPORT_FORMATS["text"].line(MD5) == f"md5:{'1' * 32}\n"
