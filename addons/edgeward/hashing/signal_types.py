"""Signal types: how long each kind of hash is, how it is read, and how two of them are compared.

`BUILT_IN` and `COMPOSED` are all that ship. A type that is installed beside this package is a class under `SignalType`,
found by its entry point (registry.py; docs/signals.md shows how to write one). How the built-in ones are made of bytes
and pictures is in digests.py and perceptual.py: this module is imported where no decoder may be.
"""

import base64
import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeward.types import DEFAULT_RADIUS, JOINT

if TYPE_CHECKING:
    from PIL import Image

DHASH_BYTES = 8
"""Of a joint value, which begins with them."""
DHASH_WEIGHT = 8
"""What a bit of the dhash counts in a joint distance, and one of the PDQ is 1."""

_HEX = re.compile(r"[0-9a-fA-F]+")


class ListedType:
    """A kind of hash as lists know it. Two values match where `distance` says no more than the radius.

    Attributes:
        name: what goes before the colon in "TYPE:VALUE".
        bits: of a value; a multiple of 8.
        radius: the distance up to which values match, unless a list has a radius of its own. None: only equal ones do.
        max_radius: the greatest that a list may have. None: a quarter of the bits. (Hashes of unrelated pictures
            differ in about half of them.)
    """

    name: str
    bits: int
    radius: int | None = None
    max_radius: int | None = None

    def parse(self, text: str) -> bytes:
        """The value that a line of a list says: in hexadecimal, or in base64.

        Raises:
            ValueError: it is none, or none that may be listed; the message says why.
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
        """How far two values lie apart, 0 where they are equal: the bits in which they differ."""
        return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()

    def distances(self, value: bytes, others: bytes) -> Sequence[int]:
        """The distance of `value` to each of `others`, which stand one after the other. Never other than `distance`."""
        size = len(value)
        return [self.distance(value, others[at : at + size]) for at in range(0, len(others), size)]


class SignalType(ListedType, ABC):
    """A kind of hash that can be installed: one class, made without arguments, once in each process.

    Set `name`, `bits`, `radius`, write `hash`, and `parse`, `distance` and `distances` where the inherited ones do not
    fit. With a distance that is not counted in bits `max_radius` is due too.

    Attributes:
        drafted: whether grey pictures that were scaled down, to no less than 512 x 512 pixels, do. JPEGs are hashed
            several times faster where no type in use wants more of them.
        version: of the distribution that it came with. It is set when the type is loaded.
    """

    radius: int
    drafted: bool = False
    version: str = ""

    def prepare(self) -> None:
        """Load what `hash` needs, as a hasher starts: later it can open no file."""

    @abstractmethod
    def hash(self, image: "Image.Image") -> bytes | None:
        """The value of a picture in mode "RGB" or "L", the right way up; None: it says too little.

        Runs in a hasher. What it raises costs the picture this one signal, and policy.crashed decides on it.
        """


class Digest(ListedType):
    """A hash of the file's bytes, of hashlib."""

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


class Perceptual(ListedType):
    """A hash of the picture that ships, with Hamming distance."""

    def __init__(self, name: str, bits: int) -> None:
        self.name, self.bits = name, bits
        self.radius = DEFAULT_RADIUS[name]

    def parse(self, text: str) -> bytes:
        """A blank picture's hash has no bit set, or all: within the radius of that lies every blank picture."""
        value = super().parse(text)
        ones = int.from_bytes(value).bit_count()
        if min(ones, self.bits - ones) <= DEFAULT_RADIUS[self.name]:
            raise ValueError("it matches blank pictures: too few of its bits differ")
        return value


class Pdq(Perceptual):
    """PDQ, which alone has a quality."""

    def parse(self, text: str) -> bytes:
        """One that repeats a row of its 16 x 16 bits comes from flat bands, never from a photograph."""
        value = super().parse(text)
        if value == value[:2] * 16:
            raise ValueError("it matches flat pictures: all its rows are the same")
        return value


class Dhash(Perceptual):
    """The difference hash of imagehash: 8 rows of 8 bits, each of which says whether it grows brighter to the right."""

    def parse(self, text: str) -> bytes:
        """One whose rows are all but alike comes from upright stripes or a slope of light, as of a dune or a plank."""
        value = super().parse(text)
        usual = sum(1 << bit for bit in range(8) if sum(row >> bit & 1 for row in value) > len(value) // 2)
        if sum((row ^ usual).bit_count() for row in value) <= len(value):
            raise ValueError("it matches flat pictures: all its rows are nearly the same")
        return value


class PdqDhash(ListedType):
    """The dhash (8 bytes) and the PDQ (32) of one picture, which both must be near.

    A caption, a watermark or a sticker moves a PDQ beyond what is safe for it alone, and hardly the dhash.
    """

    name = JOINT
    bits = 320
    radius = DEFAULT_RADIUS[JOINT]
    max_radius = 96

    def parse(self, text: str) -> bytes:
        """Its PDQ must be fit to be listed alone; of the dhash, which never matches alone, nothing is asked."""
        value = super().parse(text)
        try:
            Pdq("pdq", 256).parse(value[DHASH_BYTES:].hex())
        except ValueError as error:
            raise ValueError(f"its pdq: {error}") from None
        return value

    def distance(self, one: bytes, other: bytes) -> int:
        """The bits in which the PDQs differ, or DHASH_WEIGHT times those in which the dhashes do: the greater."""
        dhash = super().distance(one[:DHASH_BYTES], other[:DHASH_BYTES])
        return max(DHASH_WEIGHT * dhash, super().distance(one[DHASH_BYTES:], other[DHASH_BYTES:]))


class PhotoDna(ListedType):
    """Microsoft's PhotoDNA, 144 bytes. Its licence lets nobody ship it."""

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
"""Every type that hashers make without more being installed, by the names of config.SIGNAL_TYPES."""

COMPOSED: tuple[ListedType, ...] = (PdqDhash(),)
"""Types that are composed of those (joint.py)."""

NOT_SHIPPED: tuple[ListedType, ...] = (PhotoDna(),)
"""Types that can be listed: what is listed of them is kept, and matches once a type of that name is installed."""


def is_hamming(kind: ListedType) -> bool:
    """Whether its distance is the number of bits that differ, for which there are faster ways to search."""
    mine = (type(kind).distance, type(kind).distances)
    return mine == (ListedType.distance, ListedType.distances)


def greatest_radius(kind: ListedType) -> int:
    """The greatest radius that a list may have."""
    return kind.bits // 4 if kind.max_radius is None else kind.max_radius
