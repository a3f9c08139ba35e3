"""The raster images that a text holds in `data:` URIs: an SVG, an HTML page, a style sheet, or a text inside those."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from edgeward.hashing.content_codings import CodingError, decode, peek
from edgeward.hashing.embedded_images import data_uris, markup_types
from edgeward.hashing.embedded_images.data_uris import DataUri
from edgeward.hashing.embedded_images.markup_types import MarkupType
from edgeward.hashing.embedded_images.svg import BrokenXml, text_values
from edgeward.hashing.media_types import SNIFF_BYTES, sniff
from edgeward.types import Fingerprint, Flaw

MAX_IMAGES = 256
"""Distinct images of one text that are hashed."""
MAX_SIGNALS = 6000
"""Signals of all of them together: a hasher's answer of some 800 KB."""
MAX_DEPTH = 3
"""Texts in texts: an SVG in a style sheet in an SVG."""
MAX_BYTES_FACTOR = 4
"""Limit on the decoded bytes of all images and texts inside, in multiples of the limit for one image."""

_GZIP_MAGIC = b"\x1f\x8b"
_WORST_FIRST = (
    Flaw.TOO_LARGE, Flaw.TOO_MANY_PIXELS, Flaw.CRASHED, Flaw.TOO_MANY_FRAMES, Flaw.UNDECODABLE, Flaw.UNSUPPORTED,
    Flaw.FLAT, Flaw.TOO_SMALL,
)  # fmt: skip

type HashImage = Callable[[bytes], Fingerprint]


class TooManyImages(ValueError):
    """A text holds more than is searched."""


def with_embedded_images(
    found: Fingerprint, text: bytes, media_type: str, max_bytes: int, hash_image: HashImage
) -> Fingerprint:
    """`found`, made of a text that is read as `media_type`, with the signals of each image inside.

    A signal's frame is the number of its image, from 0. The flaw is the worst of all images' flaws. The media type
    becomes that of the text if it is an SVG or holds an image.
    """
    signals = dict.fromkeys(found.signals)
    flaws = {found.flaw}
    has_image = False
    try:
        for number, image in enumerate(embedded_images(text, media_type, max_bytes)):
            made = hash_image(image)
            has_image = True
            flaws.add(made.flaw)
            signals.update(dict.fromkeys(replace(signal, frame=number) for signal in made.signals))
            if len(signals) > MAX_SIGNALS:
                raise TooManyImages(f"more than {MAX_SIGNALS} signals")
    except TooManyImages:
        flaws.add(Flaw.TOO_MANY_FRAMES)
    flaw = next((each for each in _WORST_FIRST if each in flaws), None)
    shown = found.media_type or (media_type if has_image or media_type == markup_types.SVG else "")
    return replace(found, media_type=shown, signals=tuple(signals), flaw=flaw)


def gunzipped_svg(body: bytes, max_bytes: int) -> bytes:
    """An SVG that is compressed although no content-coding says so (.svgz), decompressed; other bodies unchanged."""
    if not body.startswith(_GZIP_MAGIC):
        return body
    try:
        is_svg = markup_types.begins_like_markup(peek(body, ("gzip",), SNIFF_BYTES))
        return decode(body, ("gzip",), max_bytes) if is_svg else body
    except CodingError:
        return body


def embedded_images(text: bytes, media_type: str, max_bytes: int) -> Iterator[bytes]:
    """The distinct images in `text`, in order. `media_type` is one of those of markup_types.py.

    Raises:
        TooManyImages: there are more than MAX_IMAGES, more than MAX_BYTES_FACTOR x `max_bytes` of them, or texts are
            nested deeper than MAX_DEPTH.
    """
    return _Search(MAX_BYTES_FACTOR * max_bytes).images(text, media_type, 1)


class _Search:
    """The search through one text and the texts in it. `budget`: bytes that may still be decoded."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._images = 0
        self._seen: set[bytes] = set()

    def images(self, text: bytes, media_type: str, depth: int) -> Iterator[bytes]:
        for uri in _data_uris(text, media_type):
            if not self._is_new(uri.payload):
                continue
            if sniff(uri.payload):
                self._images += 1
                if self._images > MAX_IMAGES:
                    raise TooManyImages(f"more than {MAX_IMAGES} images")
                yield uri.payload
            elif inner := _nested_media_type(uri):
                if depth == MAX_DEPTH:
                    raise TooManyImages(f"texts in texts, more than {MAX_DEPTH} deep")
                yield from self.images(uri.payload, inner, depth + 1)

    def _is_new(self, payload: bytes) -> bool:
        digest = hashlib.sha256(payload).digest()
        if digest in self._seen:
            return False
        self._budget -= len(payload)
        if self._budget < 0:
            raise TooManyImages("too many bytes of images")
        self._seen.add(digest)
        return True


def _data_uris(text: bytes, media_type: str) -> Iterator[DataUri]:
    if media_type in (markup_types.SVG, markup_types.XML):
        try:
            for value in text_values(text):
                is_uri = value.lstrip()[:5].lower() == "data:"
                unescaped = value if is_uri else data_uris.unescape_css(value)
                yield from data_uris.find(unescaped.encode("utf-8", "replace"), _is_wanted, entire=True)
            return
        except BrokenXml:
            pass  # one wrong byte must not hide an image: the whole text is scanned, as HTML is
    # Dropping zeros turns UTF-16 into its ASCII characters.
    lenient = text.translate(None, b"\0").decode("utf-8", "replace")
    if media_type != markup_types.CSS:
        lenient = data_uris.unescape_html(lenient)
    yield from data_uris.find(data_uris.unescape_css(lenient).encode("utf-8", "replace"), _is_wanted)


def _is_wanted(media_type: str, prefix: bytes) -> bool:
    return sniff(prefix) is not None or _is_text(media_type)


def _nested_media_type(uri: DataUri) -> str:
    """The media type under which the payload is searched for images; "" if it is not searched."""
    if not _is_text(uri.media_type):
        return ""
    return markup_types.media_type_to_read(uri.payload, markup_types.markup_type(uri.media_type, data_uris=True))


def _is_text(media_type: str) -> bool:
    """Whether it is HTML, CSS or XML. Without a media type a payload is plain text (RFC 2397)."""
    markup = markup_types.markup_type(media_type, data_uris=True)
    return markup is not MarkupType.XML or (media_type != "" and markup_types.may_be_xml(media_type))
