"""Which bodies must be judged."""

import zlib
from typing import Any

import brotli
import pytest
from backports import zstd
from tests.support.programs import gzipped

from edgeward.hashing.content_codings import TooLarge, peek
from edgeward.proxy import body_sniffing
from edgeward.proxy.body_sniffing import MAX_SNIFFED_BYTES, BodySniffer, may_be_image

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
        (b"BMW is a make of cars" * 13, (), "text/plain", False),
        (b"\0\0\0\x18ftyp", (), "video/mp4", None),
        (b"\0\0\0\x18ftypmp42" + bytes(300), (), "video/mp4", False),
        (b"\x00\x01\x00\x18ftyp", (), "video/mp4", None),
        (gzipped(JPEG)[:200], ("gzip",), "text/plain", True),
        (gzipped(HTML), ("gzip",), "text/plain", False),
        (gzipped(HTML)[:5], ("gzip",), "text/plain", None),
        (zlib.compress(JPEG), ("deflate",), "text/plain", True),
        (brotli.compress(JPEG), ("br",), "text/plain", True),
        (gzipped(brotli.compress(JPEG)), ("br", "gzip"), "text/plain", True),
        (JPEG, ("nonsense",), "text/plain", True),
        (HTML, ("nonsense",), "text/plain", False),
        (HTML, ("gzip",), "text/plain", False),
    ],
)
def test_by_the_first_bytes(prefix: bytes, codings: tuple[str, ...], content_type: str, expected: bool | None) -> None:
    """Image bytes are found under any declared type and coding; text is told at once; otherwise more is needed."""
    assert may_be_image(prefix, codings, content_type, ended=False) is expected


@pytest.mark.parametrize("prefix", [b"", b"da", b"GIF8", b"BMW"])
def test_a_body_that_ends_is_told(prefix: bytes) -> None:
    """At the end of a body there is always a decision."""
    assert may_be_image(prefix, (), "text/plain", ended=True) is False


@pytest.mark.parametrize(
    ("prefix", "codings", "content_type", "plainly", "with_data_uris"),
    [
        (b"<svg ", (), "text/xml", True, True),
        (gzipped(b"<?xml?><svg ", mtime=0), ("gzip",), "application/xml", True, True),
        (b"<svg ", (), "", True, True),
        (b"<svg width=1>", (), "text/plain", False, False),
        (b"<!-- long", (), "application/xhtml+xml", None, None),
        (b"<html a=1>", (), "application/xhtml+xml", False, True),
        (b"<rss a=1>", (), "application/rss+xml", False, True),
        (HTML, (), "", False, True),
        (HTML, (), "text/html; charset=utf-8", False, True),
        (b"", (), "text/html", None, True),
        (b"a {} b {}", (), "text/css", False, True),
        (b"data: x\n\n", (), "text/event-stream", False, False),
        (b'{"a": "<svg>"}', (), "application/json", False, False),
        (b'{"a": "<svg>"}', (), "", False, False),
        (bytes(300), (), "", False, False),
    ],
)
def test_texts(
    prefix: bytes, codings: tuple[str, ...], content_type: str, plainly: bool | None, with_data_uris: bool | None
) -> None:
    """SVG is judged wherever browsers show it; HTML, CSS and other XML only with hashing.data_uris."""
    assert may_be_image(prefix, codings, content_type, ended=False) is plainly
    assert may_be_image(prefix, codings, content_type, ended=False, data_uris=True) is with_data_uris


def test_xml_that_never_shows_its_root_is_judged() -> None:
    """A comment longer than what is sniffed hides nothing."""
    assert may_be_image(b"<!-- " + bytes(MAX_SNIFFED_BYTES), (), "text/xml", ended=False) is True
    assert may_be_image(b"<!-- and no more", (), "text/xml", ended=True) is False


def test_zstd_gives_nothing_before_a_block_is_whole() -> None:
    """More is needed until it does; an image under zstd is not taken for text."""
    coded = zstd.compress(JPEG + b"".join(b"%d," % number for number in range(20_000)))
    assert may_be_image(coded[:500], ("zstd",), "text/html", ended=False) is None
    assert may_be_image(coded, ("zstd",), "text/html", ended=True) is True


def test_what_never_shows_itself_is_judged() -> None:
    """A coding that decodes to nothing for longer than any block hides nothing."""
    empty_members = gzipped(b"") * (MAX_SNIFFED_BYTES // 20 + 1)
    assert may_be_image(empty_members[:1000], ("gzip",), "text/html", ended=False) is None
    assert may_be_image(empty_members[:MAX_SNIFFED_BYTES], ("gzip",), "text/html", ended=False) is True


def test_what_lies_behind_a_bomb_is_judged() -> None:
    """First bytes that take long to decode neither let a body pass nor hold up the event loop."""
    bomb = gzipped(gzipped(b"\0\0\0\xff\xff" * 4_000_000))
    assert len(bomb) < 300
    with pytest.raises(TooLarge):  # it gives up, and was not read to its end, which holds nothing
        peek(bomb, ("deflate", "gzip", "gzip"))
    assert may_be_image(bomb, ("deflate", "gzip", "gzip"), "text/plain", ended=False) is True


@pytest.mark.parametrize(
    ("body", "codings", "content_type"),
    [
        (b"<!-- " + b"-" * 100_000, (), "application/xml"),
        (b"<?xml?>" + b"<!-- a -->" * 10_000, (), "application/rss+xml"),
        (b" " * 100_000, (), ""),
        (gzipped(b"<!-- " + bytes(range(256)) * 600), ("gzip",), "text/xml"),
        (gzipped(b"") * 5_000, ("gzip",), "text/html"),
        (zstd.compress(b"<!-- " + bytes(range(256)) * 600, 1), ("zstd",), "text/xml"),
        (zlib.compress(b"<!--" + bytes(1_000_000)), ("deflate",), "text/xml"),
    ],
)
def test_sniffing_is_linear_work(
    monkeypatch: pytest.MonkeyPatch, body: bytes, codings: tuple[str, ...], content_type: str
) -> None:
    """However small the pieces of a body are: twice the body is at most about twice the work, and the first pieces are
    looked at one by one."""
    looks: list[int] = []
    look = body_sniffing.may_be_image

    def counted(prefix: bytes, *rest: Any) -> bool | None:
        looks.append(len(prefix) + (body_sniffing._CODED_LOOK_BYTES if rest[0] else 0))
        return look(prefix, *rest)

    monkeypatch.setattr(body_sniffing, "may_be_image", counted)
    work = []
    for count in (20_000, 40_000, 80_000):
        looks.clear()
        sniffer = BodySniffer(codings, content_type, False)
        for at in range(min(count, len(body))):
            if sniffer.may_be_image(body[at : at + 1]) is not None:
                break
        work.append(sum(looks))
        assert sum(looks) <= body_sniffing.LOOK_BYTES_FREE + body_sniffing.LOOK_BYTES_FACTOR * count
    assert work[1] <= 2.2 * work[0]
    assert work[2] <= 2.2 * work[1]
    assert len(looks) > 40 or len(body) < 40


def test_a_sniffer_decides_as_the_bytes_do() -> None:
    """In pieces of any size, also of one byte."""
    for size in (1, 7, 100_000):
        for body, expected in (
            (JPEG, True),
            (HTML, False),
            (b"<svg xmlns='x'>", True),
            (b"<!-- c --><rss a='1'>", False),
        ):
            sniffer = BodySniffer((), "application/xml", False)
            found = None
            for at in range(0, len(body), size):
                found = sniffer.may_be_image(body[at : at + size])
                if found is not None:
                    break
            assert found is expected
            assert body.startswith(sniffer.take())
            assert sniffer.take() == b""
