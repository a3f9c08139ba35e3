"""Where an SVG, or other XML, may name an image: the values of its attributes, and its style sheets.

Parsed without a tree, in pieces. Nothing is fetched and no script is run: external entities are refused, and expat
(from 2.4.0 on) bounds what the document's own entities grow to.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

_PIECE = 64 * 1024
_LEAST = len("data:,")


class BrokenXml(ValueError):
    """The document is not well-formed, or its encoding unknown. A browser shows what came before that."""


def values(body: bytes) -> Iterator[str]:
    """The values of attributes and the texts of style sheets in `body`, references replaced; the shortest left out.

    Raises:
        BrokenXml: after the values that came before the fault.
    """
    target = _Values()
    # Browsers replace a document's own entities, so that one could hide an image from a parser that forbids them.
    parser = DefusedXMLParser(target=target, forbid_entities=False)
    try:
        for at in range(0, len(body), _PIECE):
            parser.feed(body[at : at + _PIECE])
            yield from target.take()
        parser.close()
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        yield from target.take()
        raise BrokenXml(str(error)) from None
    yield from target.take()


class _Values:
    """What the parser reports to. Methods are called as those of xml.etree.ElementTree.TreeBuilder."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._style: list[str] = []
        self._styles = 0

    def take(self) -> list[str]:
        """The values since the last call."""
        found, self._found = self._found, []
        return found

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._found += [value for value in attributes.values() if len(value) >= _LEAST]
        if _is_style(tag):
            self._styles += 1

    def end(self, tag: str) -> None:
        if not _is_style(tag):
            return
        self._styles -= 1
        if not self._styles:
            self._end_style()

    def data(self, text: str) -> None:
        if self._styles:
            self._style.append(text)

    def pi(self, target: str, text: str | None = None) -> None:
        """<?xml-stylesheet href="data:..."?>"""
        self._found.append(text or target)

    def close(self) -> None:
        self._end_style()

    def _end_style(self) -> None:
        if self._style:
            self._found.append("".join(self._style))
            self._style.clear()


def _is_style(tag: str) -> bool:
    return tag.rpartition("}")[2].lower() == "style"
