"""What a text is read as, for the images in it."""

import pytest

from edgeward.hashing.texts.kinds import Kind, has_svg_root, kind, may_be_xml, reading


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("text/html", Kind.HTML),
        (" Text/HTML ; charset=utf-8", Kind.HTML),
        ("text/plain, text/html", Kind.HTML),
        ("text/css", Kind.CSS),
        ("image/svg+xml", Kind.MARKUP),
        ("application/xhtml+xml", Kind.MARKUP),
        ("text/plain", Kind.MARKUP),
        ("", Kind.MARKUP),
    ],
)
def test_kinds_are_declared(declared: str, expected: Kind) -> None:
    """HTML and CSS are told by their type, and only if they are asked for; all else shows by its bytes."""
    assert kind(declared, data_uris=True) is expected
    assert kind(declared, data_uris=False) is Kind.MARKUP


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
def test_what_browsers_read_as_xml(declared: str, expected: bool) -> None:
    """XML by its type, or by its bytes where nothing is declared."""
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
    """SVG shows by its root element, whatever stands before that; until then more is wanted."""
    assert has_svg_root(prefix) is expected


def test_long_beginnings_are_looked_through_once() -> None:
    """What never ends costs no more than its length."""
    for endless in (b"<!-- ", b"<?a ", b"<!DOCTYPE ", b"<?a?>", b"<!--a-->", b" ", b"<"):
        has_svg_root(endless * 200_000)


@pytest.mark.parametrize(
    ("prefix", "of_kind", "expected"),
    [
        (b"<svg ", Kind.MARKUP, "image/svg+xml"),
        (b"<!-- ", Kind.MARKUP, "image/svg+xml"),
        (b"<a><svg>", Kind.MARKUP, "text/xml"),
        (b"hello <svg>", Kind.MARKUP, ""),
        (b"<svg ", Kind.HTML, "text/html"),
        (b"a {}", Kind.CSS, "text/css"),
    ],
)
def test_what_a_body_is_read_as(prefix: bytes, of_kind: Kind, expected: str) -> None:
    """Markup by its bytes, whatever else it was declared as: the same bytes have one fingerprint."""
    assert reading(prefix, of_kind) == expected
