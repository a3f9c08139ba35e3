"""Hashes as JSON lines."""

import pytest

from edgeward.lists.formats.jsonl import jsonl_rows


def test_each_line_is_a_row() -> None:
    """One object a line, without keys that are null; empty lines are skipped but counted."""
    text = '{"type": "md5", "value": "12", "reason": null}\n\n {"value": "13", "quality": 70}\r\n'
    assert [*jsonl_rows(text)] == [(1, {"type": "md5", "value": "12"}), (3, {"value": "13", "quality": 70})]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["md5"]', "not a JSON object"),
        ("12", "not a JSON object"),
        ('{"value": "12", "size": 1, "color": 2}', "unknown key color"),
    ],
)
def test_a_bad_line_is_reported(line: str, why: str) -> None:
    """The lines around it are read."""
    rows = [*jsonl_rows(f'{{"value": "12"}}\n{line}\n{{"value": "13"}}')]
    assert rows == [(1, {"value": "12"}), (2, why), (3, {"value": "13"})]
