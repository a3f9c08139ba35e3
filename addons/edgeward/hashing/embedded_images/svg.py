"""Where an SVG, or other XML, can name an image: attribute values, style sheets, and processing instructions.

The document is parsed in pieces, without a tree. Nothing is fetched and no script runs: external entities are refused,
and expat (2.4.0 and later) limits how far the document's own entities can grow.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

_PIECE_BYTES = 64 * 1024
_MIN_LENGTH = len("data:,")


class BrokenXml(ValueError):
    """The document is not well-formed, or its encoding is unknown. A browser shows what comes before the error."""


def text_values(body: bytes) -> Iterator[str]:
    """The attribute values and style sheets in `body`, references replaced. Values too short for a URI are left out.

    Raises:
        BrokenXml: after the values that came before the error.
    """
    target = _ValueCollector()
    # Browsers expand a document's own entities. A parser that forbids them would miss an image that they hold.
    parser = DefusedXMLParser(target=target, forbid_entities=False)
    try:
        for at in range(0, len(body), _PIECE_BYTES):
            parser.feed(body[at : at + _PIECE_BYTES])
            yield from target.take()
        parser.close()
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        yield from target.take()
        raise BrokenXml(str(error)) from None
    yield from target.take()


class _ValueCollector:
    """Collects values. The parser calls its methods as those of xml.etree.ElementTree.TreeBuilder."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._style: list[str] = []
        self._style_depth = 0

    def take(self) -> list[str]:
        """The values found since the last call."""
        found, self._found = self._found, []
        return found

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._found += [value for value in attributes.values() if len(value) >= _MIN_LENGTH]
        if _is_style(tag):
            self._style_depth += 1

    def end(self, tag: str) -> None:
        if not _is_style(tag):
            return
        self._style_depth -= 1
        if not self._style_depth:
            self._end_style()

    def data(self, text: str) -> None:
        if self._style_depth:
            self._style.append(text)

    def pi(self, target: str, text: str | None = None) -> None:
        """A processing instruction, such as <?xml-stylesheet href="data:..."?>"""
        self._found.append(text or target)

    def close(self) -> None:
        self._end_style()

    def _end_style(self) -> None:
        if self._style:
            self._found.append("".join(self._style))
            self._style.clear()


def _is_style(tag: str) -> bool:
    return tag.rpartition("}")[2].lower() == "style"
