"""`data:` URIs (RFC 2397) in texts, found by a scan: where they may stand depends on the language around them.

They are read as browsers do (WHATWG URL and Fetch standards): tabs and line breaks are ignored, the scheme may be in
capitals, and Base64 may hold spaces, lack its padding, and be percent-encoded as well.
"""

import binascii
import html
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from edgeward.hashing.media_types import SNIFF_BYTES

_IGNORED = b"\t\n\r\0"
_SCHEME = b"data:"
_BASE64 = re.compile(rb";\s*base64\s*\Z", re.IGNORECASE)
_OPENER_BEFORE = re.compile(rb"[\"'(] *\Z")
_OPENER_IN_HEADER = re.compile(rb"[\"'(] *data:", re.IGNORECASE)
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_% -]*+")
_BASE64_DECODED = re.compile(rb"[A-Za-z0-9+/_\s-]*+")
_DESCRIPTOR = re.compile(rb"[0-9.]+[wxh]")
"""The descriptor after a URL in a srcset (HTML, section 4.8.4.2.1)."""
_ENDS = {
    b'"': re.compile(rb'[^"]*+'),
    b"'": re.compile(rb"[^']*+"),
    b"(": re.compile(rb"[^)]*+"),
    b"": re.compile(rb"[^\s\"'<>)]*+"),
}
"""Payloads that are not Base64, by the character before the URI: up to the closing one."""
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_LEADING_ZEROS = re.compile(r"&#(x?)0+(?=[0-9a-f])", re.IGNORECASE)
_HUGE_REFERENCE = re.compile(r"&#[0-9]{8,};?")
_CSS_ESCAPE = re.compile(r"\\(?:([0-9A-Fa-f]{1,6})(?:\r\n|[ \t\r\n\f])?|(\r\n|[\r\n\f])|(.))")


class DataUri(NamedTuple):
    """A data: URI: its declared media type in lower case, and its decoded payload."""

    media_type: str
    payload: bytes


def find(text: bytes, wanted: Callable[[str, bytes], bool], entire: bool = False) -> Iterator[DataUri]:
    """The URIs in `text`, also those inside another's payload that is not Base64.

    Args:
        text: any text. Its encoding must agree with ASCII.
        wanted: called with the media type and the first SNIFF_BYTES of the payload; if false, the URI is skipped.
        entire: if the text begins with a URI, the URI takes all of it: it is the value of one attribute.
    """
    text = text.translate(None, _IGNORED)
    lower = text.lower()
    at = 0
    while (start := lower.find(_SCHEME, at)) >= 0 and (comma := text.find(b",", start)) >= 0:
        header = text[start + len(_SCHEME) : comma]
        at = comma + 1
        media_type = _media_type(header)
        opener = _opener(text, start, header)
        if entire and not text[:start].strip(b" "):
            opener = b"entire"
        if _BASE64.search(header):
            payload = _base64(text, at, spaced=bool(opener))
            if wanted(media_type, payload[:SNIFF_BYTES]):
                yield DataUri(media_type, payload)
        elif wanted(media_type, unquote_to_bytes(text[at : at + 3 * SNIFF_BYTES])[:SNIFF_BYTES]):
            end = _ENDS[opener].match(text, at) if opener in _ENDS else None
            yield DataUri(media_type, unquote_to_bytes(end[0] if end else text[at:]))


def unescape_html(text: str) -> str:
    """`text` with its character references replaced (HTML, section 13.5), with any number of leading zeros."""
    if "&" not in text:
        return text
    # html.unescape calls int(), which refuses numbers of thousands of digits.
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", _LEADING_ZEROS.sub(r"&#\1", text)))


def unescape_css(text: str) -> str:
    """`text` with its escapes replaced (CSS Syntax, section 4.3.7)."""
    return _CSS_ESCAPE.sub(_css_character, text) if "\\" in text else text


def _css_character(escape: re.Match[str]) -> str:
    if escape[1]:
        number = int(escape[1], 16)
        return chr(number) if 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"
    return escape[3] or ""


def _media_type(header: bytes) -> str:
    """The media type of the last URI in the header: text with a comma may come between "data:" and the real URI."""
    own = header.lower().rpartition(_SCHEME)[2]
    return own.partition(b";")[0].strip().decode("latin-1")


def _opener(text: bytes, start: int, header: bytes) -> bytes:
    """The quote or bracket in front of a URI; b"" if there is none."""
    opened = _OPENER_BEFORE.search(text[max(0, start - 8) : start]) or _OPENER_IN_HEADER.search(header)
    return opened[0][:1] if opened else b""


def _without_descriptor(coded: bytes) -> bytes:
    # Not by one pattern: at each of many spaces it would try all that follow.
    before, space, last = coded.rstrip(b" ").rpartition(b" ")
    return before if space and _DESCRIPTOR.fullmatch(last) else coded


def _base64(text: bytes, at: int, spaced: bool) -> bytes:
    """The payload at `at`, as far as it is Base64 (Infra standard, "forgiving-base64 decode").

    `spaced`: it may hold spaces, since a quote or bracket says where it ends.
    """
    run = _BASE64_RUN.match(text, at)
    coded = run[0] if run else b""
    coded = _without_descriptor(coded) if spaced else coded.partition(b" ")[0]
    if b"%" in coded:
        decoded = _BASE64_DECODED.match(unquote_to_bytes(coded))
        coded = decoded[0] if decoded else b""
    coded = coded.translate(_URL_SAFE, b" \t\n\r\f\v")
    if len(coded) % 4 == 1:
        coded = coded[:-1]
    return binascii.a2b_base64(coded + b"=" * (-len(coded) % 4))
