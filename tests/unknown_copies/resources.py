"""What the origin has for each sequence: an image of its own, and a way of answering. Drawn from seed and number."""

import gzip
import io
import random
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from PIL import Image

_NUMBER = re.compile(rb"s(\d+)x")
STATUSES = (200,) * 14 + (203, 404, 410, 301, 206, 500)
"""Most answer with 200. The others may be stored too, by rule (RFC 9110, section 15.1) or by a careless cache."""
TYPES = (b"image/png",) * 6 + (
    b"application/octet-stream",
    b"text/plain",
    b"text/html",
    b"application/xml",
    b"",
    b"x/y",
)
LIFETIMES = (b"max-age=900", b"max-age=900", b"public, s-maxage=900", b"public, max-age=900, stale-if-error=900", b"")
VARIES = (b"",) * 6 + (b"Accept", b"Accept-Encoding", b"X-Odd, Accept", b"Origin")
PADDING = (0, 0, 0, 3_000, 90_000)
"""Bytes after the picture: larger bodies come in several pieces, so that an exchange can break off in between."""


@dataclass(frozen=True, slots=True)
class Resource:
    """How the origin answers for one number.

    Attributes:
        body: the image as a client decodes it. `coded`: with the content coding gzip, or the same.
        delay, stall: seconds before the headers, and in the middle of the body.
        breaks: the connection ends in the middle of the body. `silent`: it is never answered.
        ranges, conditions: Range and If-None-Match are obeyed.
        framing: "length", "chunked" or "close".
    """

    number: int
    status: int
    media_type: bytes
    lifetime: bytes
    vary: bytes
    body: bytes
    coded: bytes
    delay: float
    stall: float
    breaks: bool
    silent: bool
    ranges: bool
    conditions: bool
    framing: str

    @property
    def etag(self) -> bytes:
        return b'"e%d"' % self.number

    @property
    def digests(self) -> list[str]:
        """The SHA-256 of the image, and of the half of it that a cache may take for the whole."""
        cut_off = self.breaks and self.framing == "close"
        return [sha256(each).hexdigest() for each in (self.body, *([self.first_half] if cut_off else []))]

    @property
    def first_half(self) -> bytes:
        """What is sent before the stall, and before the connection ends if it `breaks`."""
        return self.coded[: len(self.coded) // 2]

    def is_in(self, answer: bytes) -> bool:
        """Whether an answer's bytes hold the image. Nothing but the image has its mark."""
        return self.mark in answer or self.coded in answer

    @property
    def mark(self) -> bytes:
        return b"mark-%d-mark" % self.number


def resource(seed: int, number: int) -> Resource:
    """The resource with this number; the same for the same seed."""
    draw = random.Random(f"{seed} resource {number}")
    breaks = draw.random() < 0.05
    body = _picture(draw.randrange(8)) + b"mark-%d-mark" % number + bytes(draw.choice(PADDING))
    return Resource(
        number=number,
        status=draw.choice(STATUSES),
        media_type=draw.choice(TYPES),
        lifetime=draw.choice(LIFETIMES),
        vary=draw.choice(VARIES),
        body=body,
        coded=gzip.compress(body, mtime=0) if draw.random() < 0.15 and not breaks else body,
        delay=draw.choice((0.0,) * 6 + (0.01, 0.06)),
        stall=draw.choice((0.0,) * 6 + (0.01, 0.06)),
        breaks=breaks,
        silent=draw.random() < 0.01,
        ranges=draw.random() < 0.7,
        conditions=draw.random() < 0.7,
        framing=draw.choice(("length", "length", "length", "chunked", "close")),
    )


def number_in(target: bytes) -> int | None:
    """The number that a request target names, however it is written."""
    found = _NUMBER.search(target.replace(b"%73", b"s").replace(b"%78", b"x"))
    return int(found[1]) if found else None


def path_of(number: int) -> bytes:
    """The plain path of a number."""
    return b"/p/s%dx.png" % number


@cache
def _picture(kind: int) -> bytes:
    """One of a few small pictures: what differs between images is the mark after them."""
    draw = random.Random(kind)
    picture = Image.frombytes("RGB", (24, 24), draw.randbytes(24 * 24 * 3))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
