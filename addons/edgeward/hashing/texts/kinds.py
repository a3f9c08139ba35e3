"""Texts that show images: SVG, and by setting HTML, CSS and other XML."""

import re
from enum import StrEnum

SVG, HTML, CSS, XML = "image/svg+xml", "text/html", "text/css", "text/xml"
"""Media types of fingerprints that were made of texts."""

_XML = frozenset({XML, "application/xml"})
_UNDECLARED = frozenset({"", "*/*", "unknown/unknown", "application/unknown"})
"""With these browsers look at the bytes themselves (WHATWG MIME Sniffing, section 7)."""
_UTF_8, _UTF_16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks."""
_PROLOGUE = re.compile(rb"\s*(?:(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*>)\s*)*+", re.DOTALL | re.IGNORECASE)
_NAME = re.compile(rb"<([^\s/><!?]+)[\s/>]")
_UNFINISHED = re.compile(rb"(?:<[!?].*|<[^\s/><]*)?", re.DOTALL)


class Kind(StrEnum):
    """How a text is read for the images in it. What is MARKUP shows by its bytes; the others must be declared."""

    MARKUP = ""
    """SVG, or other XML."""
    HTML = "html"
    CSS = "css"


def kind(declared: str, data_uris: bool) -> Kind:
    """What a body of the declared Content-Type is read as; HTML and CSS only if `data_uris` (hashing.data_uris)."""
    types = _types(declared) if data_uris else frozenset()
    return Kind.HTML if HTML in types else Kind.CSS if CSS in types else Kind.MARKUP


def may_be_xml(declared: str) -> bool:
    """Whether browsers read a body of the declared Content-Type as XML if it is."""
    return any(each in _XML or each in _UNDECLARED or each.endswith("+xml") for each in _types(declared))


def reading(prefix: bytes, of_kind: Kind) -> str:
    """The media type as which a body that begins with `prefix` is read for images; "" where it is no text for that."""
    if of_kind is not Kind.MARKUP:
        return HTML if of_kind is Kind.HTML else CSS
    if not begins_like_markup(prefix):
        return ""
    return XML if has_svg_root(prefix) is False else SVG


def begins_like_markup(prefix: bytes) -> bool:
    return _ascii(prefix).lstrip().startswith(b"<")


def has_svg_root(prefix: bytes) -> bool | None:
    """Whether the root element of the XML that begins with `prefix` is <svg>, in any namespace; None: not told yet.

    A document type with declarations of its own could hide from a pattern where it ends: then it may be.
    """
    text = _ascii(prefix)
    prologue = _PROLOGUE.match(text)
    rest = text[prologue.end() :] if prologue else text
    if rest[:9].upper() == b"<!DOCTYPE" and b"[" in rest:
        return True
    if root := _NAME.match(rest):
        return root[1].rpartition(b":")[2].lower() == b"svg"
    return None if _UNFINISHED.fullmatch(rest) else False


def _types(declared: str) -> frozenset[str]:
    """Of several types in one header any may count."""
    return frozenset(part.partition(";")[0].strip().lower() for part in declared.split(","))


def _ascii(text: bytes) -> bytes:
    """What is ASCII in a text, whatever its encoding: UTF-16 has it between zeros. Without its byte order mark."""
    if text.startswith(_UTF_16) or (len(text) > 1 and (text[0] == 0) != (text[1] == 0)):
        text = text.replace(b"\0", b"")
    for mark in (_UTF_8, *_UTF_16):
        text = text.removeprefix(mark)
    return text
