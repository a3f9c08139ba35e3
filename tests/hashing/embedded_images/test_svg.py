"""Where an SVG names images, by a parser that fetches nothing and does not use up memory."""

import resource

import pytest

from edgeward.hashing.embedded_images.svg import BrokenXml, text_values

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(inside: str, before: str = "") -> bytes:
    return f"{before}<svg {NAMESPACES}>{inside}</svg>".encode()


@pytest.mark.parametrize(
    "inside",
    [
        '<image href="data:x,1"/>',
        "<image xlink:href='data:x,1'/>",
        '<filter><feImage href="&#100;ata:x,1"/></filter>',
        '<g><g><foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="data:x,1"/></foreignObject></g></g>',
        "<style>data<!-- -->:x,<![CDATA[1]]></style>",
        '<s:style xmlns:s="http://www.w3.org/2000/svg">data:x,1</s:style>',
    ],
)
def test_values(inside: str) -> None:
    """Attributes of every element, and style sheets in one piece, references replaced."""
    assert "data:x,1" in list(text_values(svg(inside)))


def test_style_sheet_instructions() -> None:
    """<?xml-stylesheet?> may hold a URI too."""
    assert any("data:text/css,a" in each for each in text_values(svg("", '<?xml-stylesheet href="data:text/css,a"?>')))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(encoding: str) -> None:
    """Encodings that browsers read, by byte order mark or declaration."""
    text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>' + svg('<image href="data:é"/>').decode()
    assert list(text_values(text.encode(encoding)))[-1] == "data:é"


def test_a_documents_own_entities_are_replaced() -> None:
    """A document's own entities are expanded, as browsers do, so that they hide nothing."""
    before = '<!DOCTYPE svg [<!ENTITY a "data:"><!ENTITY b "&a;x,">]>'
    assert "data:x,1" in list(text_values(svg('<image href="&b;1"/>', before)))


def test_values_before_an_error_are_given() -> None:
    """The values before an error come first, then BrokenXml."""
    found = []
    with pytest.raises(BrokenXml, match="mismatched tag"):
        found.extend(text_values(svg('<image href="data:x,1"/></g>')))
    assert found[-1] == "data:x,1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<svg",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="none-such"?><svg/>',
        b'<?xml version="1.0" encoding="rot13"?><svg/>',
        svg("&undefined;"),
        svg("&file;", '<!DOCTYPE svg [<!ENTITY file SYSTEM "file:///etc/passwd">]>'),
        svg("", '<!DOCTYPE svg [<!ENTITY % p SYSTEM "http://localhost/x"> %p;]>') + b"<",
    ],
)
def test_nothing_else_is_raised(body: bytes) -> None:
    """Bytes that are not well-formed XML, and references to the outside, raise BrokenXml."""
    with pytest.raises(BrokenXml):
        list(text_values(body))


def test_billion_laughs() -> None:
    """Entities that grow exponentially raise BrokenXml, and take no memory."""
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BrokenXml, match="amplification"):
        list(text_values(svg("<g a='&a11;'/>", f'<!DOCTYPE svg [<!ENTITY a0 "{"ha" * 20}">{entities}]>')))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024


def test_deep_nesting() -> None:
    """Elements nested a hundred thousand deep need no stack."""
    depth = 100_000
    assert list(text_values(svg("<g>" * depth + '<image href="data:x,1"/>' + "</g>" * depth)))[-1] == "data:x,1"
