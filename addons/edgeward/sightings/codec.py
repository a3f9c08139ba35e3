"""The binary format of fingerprints and targets in the store: small, since they are most of its memory.

A packed fingerprint: version (1 byte), generation (4), SHA-256 (32), media type (1, or a name), flaw (1), then size,
width and height as varints, then the signals. A view mark precedes signals whose view or frame differs from those
before; at first these are STORED and 0.

A packed target: flags (1 byte), size (varint), scheme (only an unusual one), host, path, and the request headers of
Vary and of a CDN's key, deflated with a dictionary of common browser headers if that makes them shorter. A long path is
deflated too, together with them.

Varints are little-endian base 128, as in Protocol Buffers. Texts are UTF-8 after their length as a varint. Tables may
grow at their ends only, and the dictionary never changes, since the store holds what was packed with them.
"""

import functools
import zlib
from collections.abc import Iterator

from edgeward.sightings.deflate_dictionary import BROWSER_HEADERS
from edgeward.types import ALWAYS_MATCHED, Fingerprint, Flaw, Signal, Target, View

VERSION = 1
SIGNAL_TYPES = ("sha256", "sha1", "md5", "pdq", "phash", "dhash")
VALUE_BYTES = (32, 20, 16, 32, 8, 8)
"""Bytes of a value, for each of SIGNAL_TYPES."""
MEDIA_TYPES = (
    "", "image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp", "image/tiff", "image/heic",
    "image/jxl", "image/jxr", "image/jp2", "image/x-icon", "image/vnd.adobe.photoshop", "image/svg+xml", "text/html",
    "text/css",
)  # fmt: skip
FLAWS = (
    "too_large", "too_many_pixels", "undecodable", "unsupported", "bad_coding", "timeout", "crashed", "overloaded",
    "too_many_frames", "too_small", "flat",
)  # fmt: skip
VIEWS = ("stored", "shown", "inner", "turned", "searched", "smaller")
SCHEMES = ("http", "https")
NAMED_MEDIA_TYPE = 0xFF
"""Instead of an index in MEDIA_TYPES: the name follows as a text."""

# A signal's first byte: the index of its type in SIGNAL_TYPES in the low five bits, and three flags.
_TYPE_MASK = 0x1F
_NAMED_TYPE = 0x1F
"""Instead of an index: the type's name follows as a text."""
_VIEW_MARK = 0x1E
"""The whole byte: not a signal, but the index in VIEWS and the frame (varints) of all signals up to the next mark."""
_HAS_QUALITY = 0x20
_HAS_LENGTH = 0x40
"""The value's length precedes it, since it is not the usual one of its type, or the type is named."""
_IS_OWN_SHA256 = 0x80
"""The value is left out: it is the image's SHA-256, which stands at the beginning."""

# A target's first byte: the index of its scheme in SCHEMES in the low two bits, and three flags.
_SCHEME_MASK = 0x03
_NAMED_SCHEME = 0x03
"""Instead of an index: the scheme follows as a text."""
_HAS_VARY = 0x04
_VARY_DEFLATED = 0x08
_REST_DEFLATED = 0x10
"""Path and request headers are deflated together; _VARY_DEFLATED is then not set."""
_HAS_KEY_HEADERS = 0x20
"""The request headers begin with the number of those of Vary, as a name without a value; key headers follow these."""
LONG_BYTES = 512
"""A path from this length on is deflated, together with the request headers: a shorter one hardly shrinks."""

GENERATION, SHA256 = slice(1, 5), slice(5, 37)
"""Where these are in a packed fingerprint."""
ID_BYTES = 16
"""An image is known by this many bytes of its SHA-256."""


def pack_fingerprint(fingerprint: Fingerprint, generation: str = "") -> bytes:
    """Pack a fingerprint, usually into about 140 bytes.

    Args:
        generation: the settings that it was computed with, up to 8 hex digits (see hashing/fingerprint_generation.py).

    Raises:
        ValueError: a value is not lower-case hexadecimal, the SHA-256 has a wrong length, or a number is negative.
    """
    sha256 = _hex(fingerprint.sha256)
    if len(sha256) != 32:
        raise ValueError(f"{fingerprint.sha256!r} is not a SHA-256")
    out = bytearray((VERSION,))
    out += _hex(generation.rjust(8, "0")) + sha256
    if fingerprint.media_type in MEDIA_TYPES:
        out.append(MEDIA_TYPES.index(fingerprint.media_type))
    else:
        out += bytes((NAMED_MEDIA_TYPE,)) + _text(fingerprint.media_type)
    out.append(FLAWS.index(fingerprint.flaw) + 1 if fingerprint.flaw else 0)
    for number in (fingerprint.size, fingerprint.width, fingerprint.height):
        out += _varint(number)
    marked = (View.STORED, 0)
    for signal in fingerprint.signals:
        if marked != (signal.view, signal.frame):
            marked = (signal.view, signal.frame)
            out += bytes((_VIEW_MARK,)) + _varint(VIEWS.index(signal.view)) + _varint(signal.frame)
        out += _pack_signal(signal, sha256)
    return bytes(out)


def unpack_fingerprint(packed: bytes) -> Fingerprint:
    """Unpack a fingerprint.

    Raises:
        ValueError: `packed` is not a packed fingerprint; the message says what is wrong.
    """
    reader = _Reader(packed, "fingerprint")
    sha256, media_type, flaw, size, width, height = _head(reader)
    signals = tuple(
        Signal(signal_type, value.hex(), quality, view, frame)
        for signal_type, value, quality, view, frame in _signals(reader, sha256)
    )
    return Fingerprint(sha256.hex(), media_type, size, signals, width, height, flaw)


def packed_signals(packed: bytes) -> Iterator[tuple[str, bytes, View]]:
    """(type, value, view) of each signal of a packed fingerprint. Raises ValueError like `unpack_fingerprint`."""
    reader = _Reader(packed, "fingerprint")
    sha256, *_ = _head(reader)
    return ((signal_type, value, view) for signal_type, value, _, view, _ in _signals(reader, sha256))


def image_id(image: bytes | str) -> bytes:
    """The id of an image, 16 bytes: from its packed fingerprint, or from its SHA-256 (hex), or the first half of it."""
    if isinstance(image, str):
        return bytes.fromhex(image[: 2 * ID_BYTES])
    return image[SHA256][:ID_BYTES]


def generation_of(packed: bytes) -> str:
    """The generation that a packed fingerprint was computed with; "00000000" if unknown."""
    return packed[GENERATION].hex()


def optional_views(packed: bytes) -> frozenset[View]:
    """The views of a packed fingerprint's signals, except those that always match."""
    return frozenset(view for _, _, view in packed_signals(packed)) - ALWAYS_MATCHED


def same_fingerprint(packed: bytes, other: bytes) -> bool:
    """Whether two packed fingerprints are equal, apart from their generation."""
    return packed[:1] == other[:1] and packed[GENERATION.stop :] == other[GENERATION.stop :]


def pack_target(target: Target) -> bytes:
    """Pack a target with its size. Equal targets of equal size give equal bytes."""
    known = target.scheme in SCHEMES
    flags, rest = _pack_path_and_vary(target)
    out = bytearray((flags | (SCHEMES.index(target.scheme) if known else _NAMED_SCHEME),))
    out += _varint(target.size)
    if not known:
        out += _text(target.scheme)
    return bytes(out + _text(target.host) + rest)


def unpack_target(packed: bytes) -> Target:
    """Unpack a target.

    Raises:
        ValueError: `packed` is not a packed target; the message says what is wrong.
    """
    reader = _Reader(packed, "target")
    flags = reader.byte()
    size = reader.varint()
    index = flags & _SCHEME_MASK
    scheme = reader.text() if index == _NAMED_SCHEME else reader.table_entry(SCHEMES, index, "scheme")
    host = reader.text()
    if flags & _REST_DEFLATED:
        reader = reader.inflated()
    path, rest = reader.text(), reader.rest()
    if not flags & _HAS_VARY:
        if rest:
            raise reader.error("trailing bytes")
        return Target(scheme, host, path, (), size)
    try:
        vary = _split(_inflate(rest) if flags & _VARY_DEFLATED else rest)
        key_headers: tuple[tuple[str, str], ...] = ()
        if flags & _HAS_KEY_HEADERS:
            count = int(vary[0][0])
            vary, key_headers = vary[1 : count + 1], vary[count + 1 :]
    except (zlib.error, ValueError, IndexError) as error:
        raise reader.error(f"request headers: {error}") from None
    return Target(scheme, host, path, vary, size, key_headers)


class _Reader:
    """Reads packed data from beginning to end. Each method raises ValueError if the data ends too soon.

    Args:
        what: name of what is read, for the error messages.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._what, self._position = data, what, 0

    def error(self, why: str) -> ValueError:
        return ValueError(f"not a packed {self._what}: {why} ({len(self._data)} bytes: {self._data[:16].hex()}...)")

    def __bool__(self) -> bool:
        """Whether anything is left to read."""
        return self._position < len(self._data)

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        taken = self._data[self._position : self._position + count]
        if len(taken) != count:
            raise self.error("it ends too soon")
        self._position += count
        return taken

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._position)

    def varint(self) -> int:
        value = 0
        for shift in range(0, 63, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise self.error("a number of more than 63 bits")

    def inflated(self) -> "_Reader":
        """A reader of the rest, inflated."""
        try:
            return _Reader(_inflate(self.rest()), self._what)
        except zlib.error as error:
            raise self.error(str(error)) from None

    def text(self) -> str:
        data = self.take(self.varint())
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise self.error(str(error)) from None

    def table_entry(self, table: tuple[str, ...], index: int, what: str) -> str:
        if index >= len(table):
            raise self.error(f"{what} {index} is unknown")
        return table[index]


def _pack_path_and_vary(target: Target) -> tuple[int, bytes]:
    """Flags, and the path followed by the request headers of Vary."""
    headers = target.vary
    flags = _HAS_VARY if headers else 0
    if target.key_headers:
        headers = ((str(len(headers)), ""), *headers, *target.key_headers)
        flags = _HAS_VARY | _HAS_KEY_HEADERS
    path, vary = _text(target.path), _join(headers)
    # Only short headers go through the cache of _deflate: any client can make any number of long ones.
    if len(path) >= LONG_BYTES:
        deflated = _deflate_once(path + vary)
        if len(deflated) < len(path) + len(vary):
            return flags | _REST_DEFLATED, deflated
    elif headers:
        deflated = _deflate(vary) if len(vary) < LONG_BYTES else _deflate_once(vary)
        if len(deflated) < len(vary):
            return flags | _VARY_DEFLATED, path + deflated
    return flags, path + vary


def _head(reader: _Reader) -> tuple[bytes, str, Flaw | None, int, int, int]:
    """Read everything before the signals: SHA-256, media type, flaw, size, width, height."""
    version = reader.byte()
    if version != VERSION:
        raise reader.error(f"version {version}")
    reader.take(GENERATION.stop - GENERATION.start)
    sha256, index = reader.take(32), reader.byte()
    media_type = reader.text() if index == NAMED_MEDIA_TYPE else reader.table_entry(MEDIA_TYPES, index, "media type")
    # 0 is no flaw, so the indexes in FLAWS are one lower.
    flaw_number = reader.byte()
    flaw = Flaw(reader.table_entry(FLAWS, flaw_number - 1, "flaw")) if flaw_number else None
    return sha256, media_type, flaw, reader.varint(), reader.varint(), reader.varint()


def _pack_signal(signal: Signal, sha256: bytes) -> bytes:
    value = _hex(signal.value)
    known = signal.type in SIGNAL_TYPES
    index = SIGNAL_TYPES.index(signal.type) if known else _NAMED_TYPE
    name = b"" if known else _text(signal.type)
    flags, quality = (0, b"") if signal.quality is None else (_HAS_QUALITY, _varint(signal.quality))
    if value == sha256:
        flags, value = flags | _IS_OWN_SHA256, b""
    elif not known or len(value) != VALUE_BYTES[index]:
        flags, value = flags | _HAS_LENGTH, _varint(len(value)) + value
    return bytes((index | flags,)) + name + quality + value


def _signals(reader: _Reader, sha256: bytes) -> Iterator[tuple[str, bytes, int | None, View, int]]:
    """Read the signals: type, value, quality, view and frame of each."""
    view, frame = View.STORED, 0
    while reader:
        head = reader.byte()
        if head == _VIEW_MARK:
            view, frame = View(reader.table_entry(VIEWS, reader.varint(), "view")), reader.varint()
            continue
        index = head & _TYPE_MASK
        signal_type = reader.text() if index == _NAMED_TYPE else reader.table_entry(SIGNAL_TYPES, index, "signal type")
        quality = reader.varint() if head & _HAS_QUALITY else None
        yield signal_type, _value(reader, head, sha256), quality, view, frame


def _value(reader: _Reader, head: int, sha256: bytes) -> bytes:
    if head & _IS_OWN_SHA256:
        return sha256
    if head & _HAS_LENGTH:
        return reader.take(reader.varint())
    if head & _TYPE_MASK < len(VALUE_BYTES):
        return reader.take(VALUE_BYTES[head & _TYPE_MASK])
    raise reader.error("a value without its length")


def _hex(text: str) -> bytes:
    value = bytes.fromhex(text)
    if value.hex() != text:
        raise ValueError(f"{text!r} is not lower-case hexadecimal")
    return value


def _varint(number: int) -> bytes:
    if not 0 <= number < 1 << 63:
        raise ValueError(f"{number} can't be packed: not from 0 to 2^63 - 1")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _text(text: str) -> bytes:
    # surrogatepass: a text that was received may hold lone surrogates, and must be restored exactly.
    data = text.encode("utf-8", "surrogatepass")
    return _varint(len(data)) + data


def _join(vary: tuple[tuple[str, str], ...]) -> bytes:
    """Names and values in turn, separated by NUL. A NUL within them is escaped as 01 01, and 01 as 01 02."""
    parts = (part for pair in vary for part in pair)
    return b"\0".join(
        part.encode("utf-8", "surrogatepass").replace(b"\1", b"\1\2").replace(b"\0", b"\1\1") for part in parts
    )


def _split(data: bytes) -> tuple[tuple[str, str], ...]:
    parts = [
        part.replace(b"\1\1", b"\0").replace(b"\1\2", b"\1").decode("utf-8", "surrogatepass")
        for part in data.split(b"\0")
    ]
    return tuple((parts[index], parts[index + 1]) for index in range(0, len(parts), 2))


@functools.lru_cache(maxsize=4096)
def _deflate(data: bytes) -> bytes:
    """`_deflate_once`, cached: most clients send one of few sets of headers."""
    return _deflate_once(data)


def _deflate_once(data: bytes) -> bytes:
    """Raw deflate (RFC 1951) with the preset dictionary."""
    deflater = zlib.compressobj(9, wbits=-15, memLevel=9, zdict=BROWSER_HEADERS)
    return deflater.compress(data) + deflater.flush()


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=-15, zdict=BROWSER_HEADERS)
    out = inflater.decompress(data)
    if not inflater.eof or inflater.unused_data:
        raise zlib.error("incomplete deflate data")
    return out
