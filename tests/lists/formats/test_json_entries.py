"""JSON arrays of entries."""

import io
import json

from tests.lists.formats.reading import bad, read, text

from edgeward.lists.formats import HashRow
from edgeward.lists.formats.hash_files import open_file, read_rows
from edgeward.lists.formats.json_entries import looks_like
from edgeward.lists.formats.table import FORMATS, recognize

MD5 = "0a" * 16
FULL = {"value": "0d" * 32, "type": "pdq", "quality": 80, "reason": "r", "source_id": "s", "tags": ["t"]}


def test_arrays_and_objects_of_entries() -> None:
    """The same rows; null counts as missing."""
    entries = [FULL, {"value": MD5, "type": "md5", "withdrawn": True, "quality": None}]
    for document in (entries, {"list": "a", "entries": entries}):
        assert read("json", document) == [
            HashRow(1, "0d" * 32, "pdq", 80, "r", "s", ("t",)),
            HashRow(2, MD5, "md5", withdrawn=True),
        ]
        assert recognize(text(document).encode()) is FORMATS["json"]


def test_json_lines_are_told_apart() -> None:
    """One object a line is the format of lines, which reads on after a broken one."""
    assert recognize((json.dumps(FULL) + "\n").encode()) is FORMATS["jsonl"]
    assert not looks_like(b'{"value": 1}')
    assert recognize(b'[{"a": 1}]') is None


def test_entries_mean_what_they_mean_in_json_lines() -> None:
    """Also one that names an id and no hash."""
    for entry in (FULL, {"value": MD5, "withdrawn": True}, {"source_id": "a", "withdrawn": True}):
        assert read("json", [entry]) == read("jsonl", entry)


def test_what_is_wrong_with_one_entry_is_told() -> None:
    """Unknown keys, no value, values of wrong types, what is no object and half a surrogate pair."""
    entries = [{"value": MD5, "sort": 1}, {"type": "md5"}, {"value": MD5, "tags": "a"}, 5]
    assert bad(read("json", entries)) == [
        (1, "unknown key sort"),
        (2, "there is no value; its keys are type"),
        (3, "tags must be a list of texts"),
        (4, "not a JSON object"),
    ]
    for name in ("json", "jsonl"):
        for broken in ({"value": "\ud800"}, {"value": MD5, "reason": "\udfff"}, {"value": MD5, "tags": ["\ud801"]}):
            body = json.dumps([broken] if name == "json" else broken).encode()
            [row] = read_rows(open_file(io.BytesIO(body)).stream, FORMATS[name], signal_type="md5")
            assert row == (1, "text with half a surrogate pair"), name
