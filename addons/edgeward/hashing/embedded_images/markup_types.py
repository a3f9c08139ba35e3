"""Texts that show images: SVG, and by setting HTML, CSS and other XML."""

import re
from enum import StrEnum

SVG, HTML, CSS, XML = "image/svg+xml", "text/html", "text/css", "text/xml"
"""Media types of fingerprints that were made of texts."""

_XML = frozenset({XML, "application/xml"})
_UNDECLARED = frozenset({"", "*/*", "unknown/unknown", "application/unknown"})
"""Declared types for which browsers look at the bytes instead (WHATWG MIME Sniffing, section 7)."""
_UTF_8, _UTF_16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks."""
_PROLOGUE = re.compile(rb"\s*(?:(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*>)\s*)*+", re.DOTALL | re.IGNORECASE)
_NAME = re.compile(rb"<([^\s/><!?]+)[\s/>]")
_UNFINISHED = re.compile(rb"(?:<[!?].*|<[^\s/><]*)?", re.DOTALL)


class MarkupType(StrEnum):
    """How a text is read for the images in it. XML is recognised by its bytes; the others must be declared.

    The values are part of a fingerprint's generation, so they must not change.
    """

    XML = ""
    """SVG, or other XML."""
    HTML = "html"
    CSS = "css"


def markup_type(declared: str, data_uris: bool) -> MarkupType:
    """How to read a body with the declared Content-Type. HTML and CSS only if `data_uris` (the setting) is on."""
    types = _types(declared) if data_uris else frozenset()
    return MarkupType.HTML if HTML in types else MarkupType.CSS if CSS in types else MarkupType.XML


def may_be_xml(declared: str) -> bool:
    """Whether browsers may read a body with the declared Content-Type as XML."""
    return any(each in _XML or each in _UNDECLARED or each.endswith("+xml") for each in _types(declared))


def media_type_to_read(prefix: bytes, markup: MarkupType) -> str:
    """The media type by which a body that begins with `prefix` is searched for images; "" if it is not searched."""
    if markup is not MarkupType.XML:
        return HTML if markup is MarkupType.HTML else CSS
    if not begins_like_markup(prefix):
        return ""
    return XML if has_svg_root(prefix) is False else SVG


def begins_like_markup(prefix: bytes) -> bool:
    """Whether the first character that is not white space is "<"."""
    return _ascii(prefix).lstrip().startswith(b"<")


def has_svg_root(prefix: bytes) -> bool | None:
    """Whether the root element of the XML that begins with `prefix` is <svg>, in any namespace; None: not known yet.

    True too for a document type with its own declarations: a pattern can't tell reliably where it ends.
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
    """The media types of a Content-Type header. Clients disagree which of several counts, so all do."""
    return frozenset(part.partition(";")[0].strip().lower() for part in declared.split(","))


def _ascii(text: bytes) -> bytes:
    """The ASCII characters of a text in UTF-8 or UTF-16 (which has zeros between them), without a byte order mark."""
    if text.startswith(_UTF_16) or (len(text) > 1 and (text[0] == 0) != (text[1] == 0)):
        text = text.replace(b"\0", b"")
    for mark in (_UTF_8, *_UTF_16):
        text = text.removeprefix(mark)
    return text
