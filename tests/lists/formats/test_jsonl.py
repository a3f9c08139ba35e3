"""Hashes as JSON lines."""

import io

import pytest

from edgeward.lists.formats import BadRow, HashRow, ReadOptions, Row, WithdrawnSource
from edgeward.lists.formats.jsonl import looks_like, rows


def read(text: str) -> list[Row]:
    return [*rows(io.BytesIO(text.encode()), ReadOptions())]


def test_each_line_is_a_row() -> None:
    """One object a line, without keys that are null; empty lines are skipped but counted."""
    text = '{"type": "md5", "value": "12", "reason": null}\n\n {"value": "13", "quality": 70, "reason": "r"}\r\n'
    assert read(text) == [HashRow(1, "12", "md5"), HashRow(3, "13", quality=70, reason="r")]


def test_what_the_source_says_is_read() -> None:
    """Its id, its tags, and that it takes the hash back."""
    text = '{"value": "12", "source_id": "7-1", "tags": ["A1", "x"], "withdrawn": true}'
    assert read(text) == [HashRow(1, "12", source_id="7-1", tags=("A1", "x"), withdrawn=True)]
    assert read('{"source_id": "7-1", "withdrawn": true}') == [WithdrawnSource(1, "7-1")]
    for other in ('{"source_id": "7-1"}', '{"withdrawn": true}', '{"source_id": "\\ud800", "withdrawn": true}'):
        assert read(other) == [BadRow(1, "there is no value")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"value": ' + "1" * 5000 + "}", "not JSON"),
        ('["md5"]', "not a JSON object"),
        ("12", "not a JSON object"),
        ('{"value": "12", "size": 1, "color": 2}', "unknown key color"),
        ('{"value": "12", "source_id": 7}', "source_id must be text"),
        ('{"value": "12", "tags": "A1"}', "tags must be a list of texts"),
        ('{"value": "12", "tags": [1]}', "tags must be a list of texts"),
        ('{"value": "12", "withdrawn": "no"}', "withdrawn must be true or false"),
        ('{"type": "md5"}', "there is no value"),
    ],
)
def test_a_bad_line_is_reported(line: str, why: str) -> None:
    """The lines around it are read."""
    assert read(f'{{"value": "12"}}\n{line}\n{{"value": "13"}}') == [HashRow(1, "12"), BadRow(2, why), HashRow(3, "13")]


def test_it_is_recognised_by_its_first_line() -> None:
    """A whole object with a text "value", or that withdraws the id of a source: a JSON document of another shape has
    neither."""
    assert looks_like(b'\n{"value": "12"}\n{"val')
    assert looks_like(b'{"source_id": "i10", "withdrawn": true}')
    for other in (
        b"",
        b'{"value": [',
        b'{"value": [1]}',
        b'{"count": 1}',
        b'{"source_id": "i10", "withdrawn": false}',
        b'["value"]',
        b'"value"',
        b"[" * 60_000,
        b'{"value"',
    ):
        assert not looks_like(other), other
