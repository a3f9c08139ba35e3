"""The entries of an import as rows of JSON."""

import json

import pytest

from edgeward.imports.staged_entries import entry_of, staged_row
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.types import Entry, Signal

LIKE = Entry("ncii", Signal("", ""), "daily list", "ana", 3.5, "job-1")


@pytest.mark.parametrize(
    "parsed",
    [
        ParsedHash(Signal("md5", "0" * 32)),
        ParsedHash(Signal("pdq", "f" * 64, 80), "its own reason"),
        ParsedHash(Signal("pdq", "f" * 64, 80), "", "id 7", ("a", "b")),
    ],
)
def test_a_row_becomes_an_entry(parsed: ParsedHash) -> None:
    """With what all entries of the import have."""
    entry = entry_of(LIKE, json.loads(json.dumps(staged_row(parsed))))
    expected = Entry(
        "ncii", parsed.signal, parsed.reason or "daily list", "ana", 3.5, "job-1", parsed.source_id, parsed.tags
    )
    assert entry == expected


def test_a_row_of_an_earlier_release_has_four_fields() -> None:
    """And one of a later release may have more."""
    assert entry_of(LIKE, ["md5", "0" * 32, None, ""]).source_id == ""
    assert entry_of(LIKE, ["md5", "0" * 32, None, "", "id", ["x"], "new"]).tags == ("x",)
