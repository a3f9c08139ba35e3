"""How a text is read for the images in it."""

import pytest

from edgeward.hashing.embedded_images.markup_types import (
    MarkupType,
    has_svg_root,
    markup_type,
    may_be_xml,
    media_type_to_read,
)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("text/html", MarkupType.HTML),
        (" Text/HTML ; charset=utf-8", MarkupType.HTML),
        ("text/plain, text/html", MarkupType.HTML),
        ("text/css", MarkupType.CSS),
        ("image/svg+xml", MarkupType.XML),
        ("application/xhtml+xml", MarkupType.XML),
        ("text/plain", MarkupType.XML),
        ("", MarkupType.XML),
    ],
)
def test_html_and_css_must_be_declared(declared: str, expected: MarkupType) -> None:
    """HTML and CSS are told by their declared type, and only if the setting is on; all else by its bytes."""
    assert markup_type(declared, data_uris=True) is expected
    assert markup_type(declared, data_uris=False) is MarkupType.XML


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("text/xml", True),
        ("application/xml; charset=utf-16", True),
        ("application/atom+xml", True),
        ("", True),
        ("unknown/unknown", True),
        ("text/plain", False),
        ("text/event-stream", False),
        ("application/octet-stream", False),
    ],
)
def test_declared_types_that_may_be_xml(declared: str, expected: bool) -> None:
    """XML by its declared type, or by its bytes if nothing is declared."""
    assert may_be_xml(declared) is expected


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (b"<svg>", True),
        (b"<svg/>", True),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <html> -->\n<svg xmlns="x">', True),
        (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://x/svg11.dtd"><s:svg ', True),
        (b'<!DOCTYPE svg [<!ENTITY a "]><html ">]><svg>', True),
        ('<?xml version="1.0"?><svg '.encode("utf-16"), True),
        ("<svg ".encode("utf-16-be"), True),
        (b"<html><svg>", False),
        (b"<svgs>", False),
        (b"svg <svg>", False),
        (b'{"a": "<svg>"}', False),
        (bytes(1000), False),
        (b"", None),
        (b"\n", None),
        (b"<sv", None),
        (b"<svg", None),
        (b"<!-- <svg>", None),
        (b"<?xml version", None),
        (b"<!DOCT", None),
    ],
)
def test_the_root_of_xml(prefix: bytes, expected: bool | None) -> None:
    """SVG is recognised by its root element, whatever comes before; until then the answer is None."""
    assert has_svg_root(prefix) is expected


def test_long_prologues_take_linear_time() -> None:
    """A prologue that never ends is read in linear time."""
    for endless in (b"<!-- ", b"<?a ", b"<!DOCTYPE ", b"<?a?>", b"<!--a-->", b" ", b"<"):
        has_svg_root(endless * 200_000)


@pytest.mark.parametrize(
    ("prefix", "of_kind", "expected"),
    [
        (b"<svg ", MarkupType.XML, "image/svg+xml"),
        (b"<!-- ", MarkupType.XML, "image/svg+xml"),
        (b"<a><svg>", MarkupType.XML, "text/xml"),
        (b"hello <svg>", MarkupType.XML, ""),
        (b"<svg ", MarkupType.HTML, "text/html"),
        (b"a {}", MarkupType.CSS, "text/css"),
    ],
)
def test_the_media_type_to_read(prefix: bytes, of_kind: MarkupType, expected: str) -> None:
    """Markup is recognised by its bytes, whatever else was declared: the same bytes have one fingerprint."""
    assert media_type_to_read(prefix, of_kind) == expected
