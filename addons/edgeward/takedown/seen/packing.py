"""Fingerprints and targets as few bytes: what the store keeps of each is most of its memory.

A packed fingerprint is: version (1 byte), generation (4), SHA-256 (32), media type, flaw, then size, width and height
as varints, then its signals in order; a mark goes before those of another view or frame than the ones before them,
which at first are STORED and 0. A packed target is: flags (1 byte), size as a varint, host, path, and the request
headers of Vary, deflated with a dictionary of what browsers send where that is shorter. A varint is base 128, lowest
first, as in Protocol Buffers. The tables may grow at their ends, and never change before; the dictionary never changes.
"""

import functools
import zlib
from collections.abc import Iterator

from edgeward.takedown.seen.browsers import BROWSERS
from edgeward.types import ALWAYS, Fingerprint, Flaw, Signal, Target, View

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
NAMED = 0xFF
"""Instead of a place in MEDIA_TYPES: the name follows."""

# A signal's first byte: the place of its type in SIGNAL_TYPES, and these.
_TYPE, _OTHER_TYPE, _QUALITY, _LENGTH, _OWN = 0x1F, 0x1F, 0x20, 0x40, 0x80
"""A name follows; a quality follows; the value has a length of its own; the value is the image's own SHA-256."""
_LOOK = 0x1E
"""Instead of a type: no signal, but a mark. The place in VIEWS and the frame, as varints, of the signals behind it."""
# A target's first byte: the place of its scheme in SCHEMES, and these.
_SCHEME, _OTHER_SCHEME, _VARIES, _DEFLATED = 0x03, 0x03, 0x04, 0x08
GENERATION, SHA256 = slice(1, 5), slice(5, 37)
"""Where these are in a packed fingerprint."""
ID_BYTES = 16


def pack_fingerprint(fingerprint: Fingerprint, generation: str = "") -> bytes:
    """All of a fingerprint, usually some 140 bytes. `generation` says what it was made with (up to 8 hex digits).

    Raises:
        ValueError: a value is not lower-case hexadecimal, or the SHA-256 is none.
    """
    sha256 = _hex(fingerprint.sha256)
    if len(sha256) != 32:
        raise ValueError(f"{fingerprint.sha256!r} is no SHA-256")
    out = bytearray((VERSION,))
    out += _hex(generation.rjust(8, "0")) + sha256
    if fingerprint.media_type in MEDIA_TYPES:
        out.append(MEDIA_TYPES.index(fingerprint.media_type))
    else:
        out += bytes((NAMED,)) + _text(fingerprint.media_type)
    out.append(FLAWS.index(fingerprint.flaw) + 1 if fingerprint.flaw else 0)
    for number in (fingerprint.size, fingerprint.width, fingerprint.height):
        out += _varint(number)
    look = (View.STORED, 0)
    for signal in fingerprint.signals:
        if look != (signal.view, signal.frame):
            look = (signal.view, signal.frame)
            out += bytes((_LOOK,)) + _varint(VIEWS.index(signal.view)) + _varint(signal.frame)
        out += _pack_signal(signal, sha256)
    return bytes(out)


def unpack_fingerprint(packed: bytes) -> Fingerprint:
    """The fingerprint that `pack_fingerprint` packed.

    Raises:
        ValueError: `packed` is no packed fingerprint; the message says what is wrong.
    """
    reader = _Reader(packed, "fingerprint")
    sha256, media_type, flaw, size, width, height = _head(reader)
    signals = tuple(
        Signal(kind, value.hex(), quality, view, frame)
        for kind, value, quality, view, frame in _signals(reader, sha256)
    )
    return Fingerprint(sha256.hex(), media_type, size, signals, width, height, flaw)


def signals_of(packed: bytes) -> Iterator[tuple[str, bytes, View]]:
    """(type, value, view) of each signal of a packed fingerprint. ValueError as in `unpack_fingerprint`."""
    reader = _Reader(packed, "fingerprint")
    sha256, *_ = _head(reader)
    return ((kind, value, view) for kind, value, _, view, _ in _signals(reader, sha256))


def image_id(image: bytes | str) -> bytes:
    """The 16 bytes that an image is known by, of its packed fingerprint or of the hex of its SHA-256 or its half."""
    if isinstance(image, str):
        return bytes.fromhex(image[: 2 * ID_BYTES])
    return image[SHA256][:ID_BYTES]


def generation_of(packed: bytes) -> str:
    """What a packed fingerprint was made with; "00000000" where nobody said."""
    return packed[GENERATION].hex()


def asked_views(packed: bytes) -> frozenset[View]:
    """The views of a packed fingerprint's signals, but those that always match."""
    return frozenset(view for _, _, view in signals_of(packed)) - ALWAYS


def same_fingerprint(packed: bytes, other: bytes) -> bool:
    """Whether two packed fingerprints are equal but for their generation."""
    return packed[:1] == other[:1] and packed[GENERATION.stop :] == other[GENERATION.stop :]


def pack_target(target: Target) -> bytes:
    """All of a target, its size included, byte-exact. Equal targets of one size are equal bytes."""
    known = target.scheme in SCHEMES
    flags = SCHEMES.index(target.scheme) if known else _OTHER_SCHEME
    vary = _join(target.vary)
    small = _deflate(vary)
    if target.vary:
        flags |= _VARIES
        if len(small) < len(vary):
            flags, vary = flags | _DEFLATED, small
    out = bytearray((flags,))
    out += _varint(target.size)
    if not known:
        out += _text(target.scheme)
    return bytes(out + _text(target.host) + _text(target.path) + vary)


def unpack_target(packed: bytes) -> Target:
    """The target that `pack_target` packed.

    Raises:
        ValueError: `packed` is no packed target; the message says what is wrong.
    """
    reader = _Reader(packed, "target")
    flags = reader.byte()
    size = reader.varint()
    scheme = reader.text() if flags & _SCHEME == _OTHER_SCHEME else reader.listed(SCHEMES, flags & _SCHEME, "scheme")
    host, path, rest = reader.text(), reader.text(), reader.rest()
    if not flags & _VARIES:
        if rest:
            raise reader.wrong("more behind its end")
        return Target(scheme, host, path, (), size)
    try:
        vary = _split(_inflate(rest) if flags & _DEFLATED else rest)
    except (zlib.error, UnicodeDecodeError, IndexError) as error:
        raise reader.wrong(f"request headers: {error}") from None
    return Target(scheme, host, path, vary, size)


class _Reader:
    """Reads a packed thing from its beginning to its end. Each method raises ValueError where it ends too soon."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._what, self._at = data, what, 0

    def wrong(self, why: str) -> ValueError:
        return ValueError(f"no packed {self._what}: {why} ({len(self._data)} bytes: {self._data[:16].hex()}...)")

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise self.wrong("cut off")
        self._at += count
        return taken

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def varint(self) -> int:
        value = 0
        for shift in range(0, 63, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise self.wrong("a number without an end")

    def text(self) -> str:
        data = self.take(self.varint())
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise self.wrong(str(error)) from None

    def listed(self, table: tuple[str, ...], place: int, what: str) -> str:
        if place >= len(table):
            raise self.wrong(f"{what} {place} is unknown")
        return table[place]


def _head(reader: _Reader) -> tuple[bytes, str, Flaw | None, int, int, int]:
    """SHA-256, media type, flaw, size, width, height."""
    version = reader.byte()
    if version != VERSION:
        raise reader.wrong(f"version {version}")
    reader.take(GENERATION.stop - GENERATION.start)
    sha256, place = reader.take(32), reader.byte()
    media_type = reader.text() if place == NAMED else reader.listed(MEDIA_TYPES, place, "media type")
    flawed = reader.byte()
    flaw = Flaw(reader.listed(FLAWS, flawed - 1, "flaw")) if flawed else None
    return sha256, media_type, flaw, reader.varint(), reader.varint(), reader.varint()


def _pack_signal(signal: Signal, sha256: bytes) -> bytes:
    value = _hex(signal.value)
    known = signal.type in SIGNAL_TYPES
    place = SIGNAL_TYPES.index(signal.type) if known else _OTHER_TYPE
    name = b"" if known else _text(signal.type)
    flags, quality = (0, b"") if signal.quality is None else (_QUALITY, _varint(signal.quality))
    if value == sha256:
        flags, value = flags | _OWN, b""
    elif not known or len(value) != VALUE_BYTES[place]:
        flags, value = flags | _LENGTH, _varint(len(value)) + value
    return bytes((place | flags,)) + name + quality + value


def _signals(reader: _Reader, sha256: bytes) -> Iterator[tuple[str, bytes, int | None, View, int]]:
    """Type, value, quality, view and frame of each."""
    view, frame = View.STORED, 0
    while reader:
        head = reader.byte()
        if head == _LOOK:
            view, frame = View(reader.listed(VIEWS, reader.varint(), "view")), reader.varint()
            continue
        place = head & _TYPE
        kind = reader.text() if place == _OTHER_TYPE else reader.listed(SIGNAL_TYPES, place, "signal type")
        quality = reader.varint() if head & _QUALITY else None
        yield kind, _value(reader, head, sha256), quality, view, frame


def _value(reader: _Reader, head: int, sha256: bytes) -> bytes:
    if head & _OWN:
        return sha256
    if head & _LENGTH:
        return reader.take(reader.varint())
    if head & _TYPE < len(VALUE_BYTES):
        return reader.take(VALUE_BYTES[head & _TYPE])
    raise reader.wrong("a value without a length")


def _hex(text: str) -> bytes:
    value = bytes.fromhex(text)
    if value.hex() != text:
        raise ValueError(f"{text!r} is not lower-case hexadecimal")
    return value


def _varint(number: int) -> bytes:
    if not 0 <= number < 1 << 63:
        raise ValueError(f"{number} can't be packed: it must be from 0 to 2^63 - 1")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return _varint(len(data)) + data


def _join(vary: tuple[tuple[str, str], ...]) -> bytes:
    """Names and values in turn, set apart by NUL; one within them becomes 01 01, and 01 becomes 01 02."""
    parts = (part for pair in vary for part in pair)
    return b"\0".join(
        part.encode("utf-8", "surrogatepass").replace(b"\1", b"\1\2").replace(b"\0", b"\1\1") for part in parts
    )


def _split(data: bytes) -> tuple[tuple[str, str], ...]:
    parts = [
        part.replace(b"\1\1", b"\0").replace(b"\1\2", b"\1").decode("utf-8", "surrogatepass")
        for part in data.split(b"\0")
    ]
    return tuple((parts[place], parts[place + 1]) for place in range(0, len(parts), 2))


@functools.lru_cache(maxsize=4096)
def _deflate(data: bytes) -> bytes:
    """Raw deflate. Kept: clients send few different headers."""
    deflater = zlib.compressobj(9, wbits=-15, memLevel=9, zdict=BROWSERS)
    return deflater.compress(data) + deflater.flush()


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=-15, zdict=BROWSERS)
    out = inflater.decompress(data)
    if not inflater.eof or inflater.unused_data:
        raise zlib.error("not deflated to its end")
    return out
