"""Which bodies must be judged."""

import gzip
import zlib

import brotli
import pytest
from backports import zstd

from edgeward.proxy.candidate import MOST_BYTES, candidate

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(3000)
HTML = b"<!doctype html><p>hello</p>" * 20


@pytest.mark.parametrize(
    ("prefix", "codings", "content_type", "expected"),
    [
        (JPEG, (), "text/html", True),
        (JPEG, (), "", True),
        (b"hello", (), "image/jpeg", True),
        (b"", (), "image/png", True),
        (b"<svg", (), " Image/SVG+xml", True),
        (HTML, (), "text/html", False),
        (b"data: x\n\n", (), "text/event-stream", False),
        (b"da", (), "text/event-stream", None),
        (b"GIF8", (), "text/plain", None),
        (b"BMW is a make of cars", (), "text/plain", None),
        (b"BMW is a make of cars" * 9, (), "text/plain", False),
        (b"\0\0\0\x18ftyp", (), "video/mp4", None),
        (b"\0\0\0\x18ftypmp42" + bytes(60), (), "video/mp4", False),
        (b"\x00\x01\x00\x18ftyp", (), "video/mp4", None),
        (gzip.compress(JPEG)[:200], ("gzip",), "text/plain", True),
        (gzip.compress(HTML), ("gzip",), "text/plain", False),
        (gzip.compress(HTML)[:5], ("gzip",), "text/plain", None),
        (zlib.compress(JPEG), ("deflate",), "text/plain", True),
        (brotli.compress(JPEG), ("br",), "text/plain", True),
        (gzip.compress(brotli.compress(JPEG)), ("br", "gzip"), "text/plain", True),
        (JPEG, ("nonsense",), "text/plain", True),
        (HTML, ("nonsense",), "text/plain", False),
        (HTML, ("gzip",), "text/plain", False),
    ],
)
def test_by_the_first_bytes(prefix: bytes, codings: tuple[str, ...], content_type: str, expected: bool | None) -> None:
    """Image bytes are found under any declared type and coding; text shows itself at once; else more is wanted."""
    assert candidate(prefix, codings, content_type, ended=False) is expected


@pytest.mark.parametrize("prefix", [b"", b"da", b"GIF8", b"BMW"])
def test_a_body_that_ends_is_told(prefix: bytes) -> None:
    """At its end there is always an answer."""
    assert candidate(prefix, (), "text/plain", ended=True) is False


def test_zstd_gives_nothing_before_a_block_is_whole() -> None:
    """More is asked for until it does; an image under zstd is not taken for a text."""
    coded = zstd.compress(JPEG + b"".join(b"%d," % number for number in range(20_000)))
    assert candidate(coded[:500], ("zstd",), "text/html", ended=False) is None
    assert candidate(coded, ("zstd",), "text/html", ended=True) is True


def test_what_never_shows_itself_is_judged() -> None:
    """A coding that gives nothing for longer than any block must not be a way past."""
    empty_members = gzip.compress(b"") * (MOST_BYTES // 20 + 1)
    assert candidate(empty_members[:1000], ("gzip",), "text/html", ended=False) is None
    assert candidate(empty_members[:MOST_BYTES], ("gzip",), "text/html", ended=False) is True
