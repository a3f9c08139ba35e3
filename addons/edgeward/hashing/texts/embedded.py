"""The raster images that a text holds in `data:` URIs: an SVG, an HTML page, a style sheet, or a text inside those."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from edgeward.hashing.codings import CodingError, decode, peek
from edgeward.hashing.media import PREFIX, sniff
from edgeward.hashing.texts import data_uris, kinds
from edgeward.hashing.texts.data_uris import DataUri
from edgeward.hashing.texts.svg import BrokenXml, values
from edgeward.types import Fingerprint, Flaw, Signal

MAX_IMAGES = 256
"""Distinct images inside one text that are looked at."""
MAX_SIGNALS = 6000
"""Of all of them together, some 800 KB on their way out of a hasher."""
MAX_DEPTH = 3
"""Texts in texts: an SVG in a style sheet in an SVG."""
MAX_TIMES = 4
"""The decoded bytes of all that is inside, in multiples of the most that one image may have."""

_GZIP_MAGIC = b"\x1f\x8b"
_WORST_FIRST = (
    Flaw.TOO_LARGE, Flaw.TOO_MANY_PIXELS, Flaw.CRASHED, Flaw.TOO_MANY_FRAMES, Flaw.UNDECODABLE, Flaw.UNSUPPORTED,
    Flaw.FLAT, Flaw.TOO_SMALL,
)  # fmt: skip

type Look = Callable[[bytes], Fingerprint]


class TooManyImages(ValueError):
    """A text holds more than is looked at."""


def with_embedded(found: Fingerprint, text: bytes, media_type: str, max_bytes: int, look: Look) -> Fingerprint:
    """`found`, of a text that is read as `media_type`, with the signals that `look` makes of each image inside.

    A signal's frame is the number of its image, from 0. The flaw is the worst of all. The media type becomes that of
    the text, if it is an SVG or holds an image.
    """
    signals = dict.fromkeys(found.signals)
    flaws = {found.flaw}
    holds = False
    try:
        for number, image in enumerate(images(text, media_type, max_bytes)):
            made = look(image)
            holds = True
            flaws.add(made.flaw)
            signals.update(dict.fromkeys(_numbered(made.signals, number)))
            if len(signals) > MAX_SIGNALS:
                raise TooManyImages(f"more than {MAX_SIGNALS} signals")
    except TooManyImages:
        flaws.add(Flaw.TOO_MANY_FRAMES)
    flaw = next((each for each in _WORST_FIRST if each in flaws), None)
    shown = found.media_type or (media_type if holds or media_type == kinds.SVG else "")
    return replace(found, media_type=shown, signals=tuple(signals), flaw=flaw)


def inflated(body: bytes, max_bytes: int) -> bytes:
    """An SVG that is compressed without a content-coding that says so (.svgz), as it was; all else as it is."""
    if not body.startswith(_GZIP_MAGIC):
        return body
    try:
        is_svg = kinds.begins_like_markup(peek(body, ("gzip",), PREFIX))
        return decode(body, ("gzip",), max_bytes) if is_svg else body
    except CodingError:
        return body


def images(text: bytes, media_type: str, max_bytes: int) -> Iterator[bytes]:
    """The distinct images in `text`, in order; `media_type` is one of those of kinds.py.

    Raises:
        TooManyImages: there are more than MAX_IMAGES, MAX_TIMES x `max_bytes`, or MAX_DEPTH.
    """
    return _Search(MAX_TIMES * max_bytes).images(text, media_type, 1)


class _Search:
    """Through one text. `room`: bytes that may still be decoded."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._images = 0
        self._seen: set[bytes] = set()

    def images(self, text: bytes, media_type: str, depth: int) -> Iterator[bytes]:
        for uri in _uris(text, media_type):
            if not self._is_new(uri.payload):
                continue
            if sniff(uri.payload):
                self._images += 1
                if self._images > MAX_IMAGES:
                    raise TooManyImages(f"more than {MAX_IMAGES} images")
                yield uri.payload
            elif inner := _reading(uri):
                if depth == MAX_DEPTH:
                    raise TooManyImages(f"texts in texts, more than {MAX_DEPTH} deep")
                yield from self.images(uri.payload, inner, depth + 1)

    def _is_new(self, payload: bytes) -> bool:
        digest = hashlib.sha256(payload).digest()
        if digest in self._seen:
            return False
        self._room -= len(payload)
        if self._room < 0:
            raise TooManyImages("too many bytes of images")
        self._seen.add(digest)
        return True


def _numbered(signals: tuple[Signal, ...], number: int) -> Iterator[Signal]:
    return (replace(signal, frame=number) for signal in signals)


def _uris(text: bytes, media_type: str) -> Iterator[DataUri]:
    if media_type in (kinds.SVG, kinds.XML):
        try:
            for value in values(text):
                yield from _in_value(value)
            return
        except BrokenXml:
            pass  # nobody hides by one wrong byte: it is read like a text that has no strict grammar
    # UTF-16 has its ASCII between zeros.
    lenient = text.translate(None, b"\0").decode("utf-8", "replace")
    if media_type != kinds.CSS:
        lenient = data_uris.unescape_html(lenient)
    yield from data_uris.find(_encoded(data_uris.unescape_css(lenient)), _is_wanted)


def _in_value(value: str) -> Iterator[DataUri]:
    is_uri = value.lstrip()[:5].lower() == "data:"
    text = value if is_uri else data_uris.unescape_css(value)
    return data_uris.find(_encoded(text), _is_wanted, whole=True)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _is_wanted(media_type: str, prefix: bytes) -> bool:
    return sniff(prefix) is not None or _is_text(media_type)


def _reading(uri: DataUri) -> str:
    """The media type as which the payload is read for images in turn; "" if it is none of those texts."""
    if not _is_text(uri.media_type):
        return ""
    return kinds.reading(uri.payload, kinds.kind(uri.media_type, data_uris=True))


def _is_text(media_type: str) -> bool:
    """Without a type the payload of a data: URI is plain text (RFC 2397)."""
    kind = kinds.kind(media_type, data_uris=True)
    return kind is not kinds.Kind.MARKUP or (media_type != "" and kinds.may_be_xml(media_type))
