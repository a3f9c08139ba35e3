"""What the programmes have in common."""

import io

import pytest

from edgeward.sources.exchanges.programme import (
    BadPage,
    LatestRecords,
    json_page,
    number,
    records_of,
    same_server,
    server_time,
)
from edgeward.sources.source_client import SourceAnswer


def _answer(text: bytes, **headers: str) -> SourceAnswer:
    return SourceAnswer(200, headers, io.BytesIO(text), len(text))


def test_what_is_no_page() -> None:
    """Cut off, too deep, no object, or without its records."""
    for text in (b'{"a": [', b"[" * 100_000, b"\xff", b"[]", b""):
        with pytest.raises(BadPage):
            json_page(_answer(text))
    with pytest.raises(BadPage, match="no array 'data'"):
        records_of({"data": {}}, "data")
    assert records_of(json_page(_answer(b'{"data": [1]}')), "data") == [1]


def test_links_stay_on_their_server() -> None:
    """Relative ones are completed."""
    base = "https://a.example/v1/x"
    assert same_server("?b=1", base) == "https://a.example/v1/x?b=1"
    for link in ("https://b.example/", "//b.example/", "http://a.example/"):
        with pytest.raises(BadPage, match="another server"):
            same_server(link, base)


def test_times() -> None:
    """Numbers and texts; what is none is 0."""
    assert [number(each) for each in (3, "4.5", None, True, "x", [])] == [3.0, 4.5, 0.0, 0.0, 0.0, 0.0]
    assert server_time(_answer(b"", date="Thu, 01 Jan 1970 00:00:09 GMT")) == 9.0
    assert (server_time(_answer(b"", date="soon")), server_time(_answer(b""))) == (0.0, 0.0)


def test_an_older_version_of_a_record_is_left_out() -> None:
    """One of the same time, without a time, or of another record is not."""
    latest = LatestRecords()
    assert latest.joined([(1, ("a",), 5.0), (2, ("a",), 4.0), (3, ("b",), 1.0)]) == (b"1,3", 2)
    assert latest.joined([(4, ("a",), 4.0), (5, ("a",), 5.0), (6, ("a",), 0.0)]) == (b"5,6", 2)
