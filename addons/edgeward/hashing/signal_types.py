"""Signal types: how long each kind of hash is, how it is parsed, and how two values are compared.

`BUILT_IN` and `COMPOSED` are all that ship. A type that is installed beside this package is a subclass of `SignalType`,
found by its entry point (signal_registry.py; see docs/signals.md). The code that makes the built-in hashes
is elsewhere (digests.py, perceptual/hashes.py), since this module is imported by processes that hold no decoder.
"""

import base64
import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeward.types import COMPOSITE_TYPE, DEFAULT_RADIUS

if TYPE_CHECKING:
    from PIL import Image

DHASH_BYTES = 8
"""A composite value begins with this many bytes of dhash."""
DHASH_WEIGHT = 8
"""In a composite distance a bit of the dhash counts as much as this many bits of the PDQ."""

_HEX = re.compile(r"[0-9a-fA-F]+")
_BASE32 = re.compile(r"[A-Z2-7]+")


class ListedType:
    """A kind of hash that can be listed. Two values match if their distance is at most the radius.

    Attributes:
        name: what goes before the colon in "TYPE:VALUE".
        bits: length of a value; a multiple of 8.
        radius: the distance up to which values match on lists that do not set one. None: only equal values match.
        max_radius: the greatest radius that a list may set. None: a quarter of the bits, since hashes of unrelated
            pictures differ in about half of them.
    """

    name: str
    bits: int
    radius: int | None = None
    max_radius: int | None = None

    def parse(self, text: str) -> bytes:
        """The value of a text, which is hexadecimal or base64.

        Raises:
            ValueError: it is malformed, or must not be listed; the message says why.
        """
        text = text.strip()
        if not _HEX.fullmatch(text):
            return self._decoded(text)
        if len(text) * 4 != self.bits:
            raise ValueError(f"it has {len(text)} digits: {self.name} has {self.bits // 4}")
        return bytes.fromhex(text)

    def _decoded(self, text: str) -> bytes:
        try:
            value = base64.b64decode(text, validate=True)
        except ValueError:
            value = b""
        if len(value) * 8 != self.bits:
            raise ValueError(f"it is not hexadecimal, nor {self.bits // 8} bytes in base64")
        return value

    def distance(self, one: bytes, other: bytes) -> int:
        """How far apart two values are, 0 if they are equal. Here: the number of bits that differ."""
        return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()

    def distances(self, value: bytes, others: bytes) -> Sequence[int]:
        """The distance of `value` to each of `others`, which are concatenated. Must equal `distance` for each."""
        size = len(value)
        return [self.distance(value, others[at : at + size]) for at in range(0, len(others), size)]


class SignalType(ListedType, ABC):
    """Base class of installed types. Each process makes one instance, without arguments.

    Set `name`, `bits` and `radius`, and define `hash`; define `parse`, `distance` and `distances` if the inherited ones
    do not fit. A type with its own distance must set `max_radius` too.

    Attributes:
        drafted: whether the type accepts grey pictures scaled down to no less than 512 x 512 pixels. If all types in
            use do, JPEGs are hashed several times faster.
        version: version of the distribution that it came with; set when the type is loaded.
    """

    radius: int
    drafted: bool = False
    version: str = ""

    def prepare(self) -> None:
        """Load what `hash` needs. Called when a hasher starts; later the hasher can open no file."""

    @abstractmethod
    def hash(self, image: "Image.Image") -> bytes | None:
        """The value of an upright picture in mode "RGB" or "L"; None if the picture has too little content.

        Runs in a hasher. If it raises, the picture lacks this one signal, and `policy.crashed` decides.
        """


class Digest(ListedType):
    """A hash of the file's bytes, by hashlib."""

    def __init__(self, name: str) -> None:
        self.name = name
        nothing = hashlib.new(name, b"", usedforsecurity=False)
        self.bits = nothing.digest_size * 8
        self._empty = nothing.digest()

    def parse(self, text: str) -> bytes:
        value = super().parse(text)
        if value == self._empty:
            raise ValueError("it is the digest of the empty file")
        return value

    def _decoded(self, text: str) -> bytes:
        """Also base32 (RFC 4648, section 6) without padding, in which some write SHA-1."""
        if self.bits % 40 == 0 and _BASE32.fullmatch(text) and len(text) * 5 == self.bits:
            return base64.b32decode(text)
        return super()._decoded(text)


class Perceptual(ListedType):
    """A built-in hash of the picture, with Hamming distance."""

    def __init__(self, name: str, bits: int) -> None:
        self.name, self.bits = name, bits
        self.radius = DEFAULT_RADIUS[name]

    def parse(self, text: str) -> bytes:
        """Refuses values near all zeros or all ones: blank pictures have such hashes, and would all match."""
        value = super().parse(text)
        ones = int.from_bytes(value).bit_count()
        if min(ones, self.bits - ones) <= DEFAULT_RADIUS[self.name]:
            raise ValueError("it matches blank images: too few of its bits differ")
        return value


class Pdq(Perceptual):
    """PDQ, the one built-in hash with a quality."""

    def parse(self, text: str) -> bytes:
        """Refuses values whose 16 rows of 16 bits are all equal: they come from flat bands, never from a photograph."""
        value = super().parse(text)
        if value == value[:2] * 16:
            raise ValueError("it matches flat images: all its rows are the same")
        return value


class Dhash(Perceptual):
    """The difference hash of imagehash: 8 rows of 8 bits. A bit says whether brightness grows to the right there."""

    def parse(self, text: str) -> bytes:
        """Refuses values whose rows are nearly equal: they come from vertical stripes or a smooth gradient."""
        value = super().parse(text)
        usual = sum(1 << bit for bit in range(8) if sum(row >> bit & 1 for row in value) > len(value) // 2)
        if sum((row ^ usual).bit_count() for row in value) <= len(value):
            raise ValueError("it matches flat images: all its rows are nearly the same")
        return value


class PdqDhash(ListedType):
    """The dhash (8 bytes) and the PDQ (32 bytes) of one picture, both of which must be near.

    A caption, a watermark or a sticker moves the PDQ further than a radius for PDQ alone can safely be, but hardly
    moves the dhash.
    """

    name = COMPOSITE_TYPE
    bits = 320
    radius = DEFAULT_RADIUS[COMPOSITE_TYPE]
    max_radius = 96

    def parse(self, text: str) -> bytes:
        """Checks the PDQ as if it were listed alone. The dhash needs no check: it never matches alone."""
        value = super().parse(text)
        try:
            Pdq("pdq", 256).parse(value[DHASH_BYTES:].hex())
        except ValueError as error:
            raise ValueError(f"its pdq: {error}") from None
        return value

    def distance(self, one: bytes, other: bytes) -> int:
        """The greater of the PDQs' differing bits and DHASH_WEIGHT times the dhashes' differing bits."""
        dhash = super().distance(one[:DHASH_BYTES], other[:DHASH_BYTES])
        return max(DHASH_WEIGHT * dhash, super().distance(one[DHASH_BYTES:], other[DHASH_BYTES:]))


class PhotoDna(ListedType):
    """Microsoft's PhotoDNA, 144 bytes. Its licence does not allow shipping it."""

    name = "photodna"
    bits = 1152


BUILT_IN: tuple[ListedType, ...] = (
    Digest("sha256"),
    Digest("sha1"),
    Digest("md5"),
    Pdq("pdq", 256),
    Perceptual("phash", 64),
    Dhash("dhash", 64),
)
"""The types that hashers compute out of the box: those of config.SIGNAL_TYPES."""

COMPOSED: tuple[ListedType, ...] = (PdqDhash(),)
"""Types composed of built-in ones (composite.py)."""

NOT_SHIPPED: tuple[ListedType, ...] = (PhotoDna(),)
"""Types that can be listed but not computed. Their entries match once a type of that name is installed."""


def is_hamming(kind: ListedType) -> bool:
    """Whether its distance is the number of differing bits, which has faster ways to search."""
    methods = (type(kind).distance, type(kind).distances)
    return methods == (ListedType.distance, ListedType.distances)


def max_radius_of(kind: ListedType) -> int:
    """The greatest radius that a list may set for this type."""
    return kind.bits // 4 if kind.max_radius is None else kind.max_radius
