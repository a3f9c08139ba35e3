"""Splits files into chunks and joins them again, with right lengths and checksums, except where a false one is wanted.

PNG chunks, RIFF chunks, JPEG segments, and the boxes of ISO base media (AVIF, HEIC, JPEG XL, JPEG 2000).
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Chunk:
    """`false_length`: declared instead of the true one. `tail` follows and is not counted (the scan of a JPEG)."""

    kind: bytes
    data: bytes
    tail: bytes = b""
    false_length: int | None = None

    @property
    def length(self) -> int:
        return len(self.data) if self.false_length is None else self.false_length


class Layout(NamedTuple):
    """How a format is made of chunks. `split` raises ValueError or IndexError for a file that is not."""

    split: Callable[[bytes], list[Chunk]]
    join: Callable[[list[Chunk]], bytes]


class Field(NamedTuple):
    """Where a number is in a chunk's data."""

    at: int
    size: int
    order: Literal["big", "little"]


DIMENSIONS: dict[bytes, tuple[Field, ...]] = {
    b"IHDR": (Field(0, 4, "big"), Field(4, 4, "big")),
    b"fcTL": (Field(4, 4, "big"), Field(8, 4, "big"), Field(12, 4, "big")),
    b"acTL": (Field(0, 4, "big"),),
    b"VP8X": (Field(4, 3, "little"), Field(7, 3, "little")),
    b"ANMF": (Field(0, 3, "little"), Field(6, 3, "little"), Field(9, 3, "little")),
    b"ispe": (Field(4, 4, "big"), Field(8, 4, "big")),
    b"ihdr": (Field(0, 4, "big"), Field(4, 4, "big")),
    **dict.fromkeys((b"\xc0", b"\xc1", b"\xc2"), (Field(1, 2, "big"), Field(3, 2, "big"))),
}
"""Fields with width, height, offsets and frame counts, by type of chunk."""

CONTAINERS = {
    b"meta": 4, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"iprp": 0, b"ipco": 0, b"jp2h": 0,
}  # fmt: skip
"""Boxes that hold boxes, and how many bytes of their own come before those."""


def layout_of(body: bytes) -> Layout | None:
    """The layout of a file by its first bytes; None: none of these."""
    if body.startswith(_PNG):
        return Layout(_split_png, _join_png)
    if body.startswith(b"\xff\xd8"):
        return Layout(_split_jpeg, _join_jpeg)
    if body.startswith(b"RIFF"):
        return Layout(_split_riff, _join_riff)
    if body[4:8] in (b"ftyp", b"JXL ", b"jP  "):
        return BOXES
    return None


def _split_png(body: bytes) -> list[Chunk]:
    at, chunks = len(_PNG), []
    while at + 12 <= len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        chunks.append(Chunk(body[at + 4 : at + 8], body[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def _join_png(chunks: list[Chunk]) -> bytes:
    return _PNG + b"".join(
        each.length.to_bytes(4, "big") + each.kind + each.data + zlib.crc32(each.kind + each.data).to_bytes(4, "big")
        for each in chunks
    )


def _split_jpeg(body: bytes) -> list[Chunk]:
    """Without SOI; a scan is the tail of its SOS."""
    at, chunks = 2, []
    while at + 4 <= len(body) and body[at + 1] != 0xD9:
        length = int.from_bytes(body[at + 2 : at + 4], "big")
        end = at + 2 + max(2, length)
        scan = _scan_end(body, end)
        chunks.append(Chunk(body[at + 1 : at + 2], body[at + 4 : end], body[end:scan]))
        at = scan
    return chunks


def _scan_end(body: bytes, at: int) -> int:
    """Position of the next marker that is neither a stuffed byte nor a restart."""
    while (at := body.find(b"\xff", at)) >= 0:
        if body[at + 1 : at + 2] not in _IN_SCANS:
            return at
        at += 2
    return len(body)


_IN_SCANS = frozenset({b"\0", *(bytes([0xD0 + number]) for number in range(8))})


def _join_jpeg(chunks: list[Chunk]) -> bytes:
    segments = (
        b"\xff" + each.kind + ((each.length + 2) % 65536).to_bytes(2, "big") + each.data + each.tail for each in chunks
    )
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xd9"


def _split_riff(body: bytes) -> list[Chunk]:
    at, chunks = 12, []
    while at + 8 <= len(body):
        length = int.from_bytes(body[at + 4 : at + 8], "little")
        chunks.append(Chunk(body[at : at + 4], body[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return chunks


def _join_riff(chunks: list[Chunk]) -> bytes:
    inside = b"WEBP" + b"".join(
        each.kind + each.length.to_bytes(4, "little") + each.data + bytes(len(each.data) % 2) for each in chunks
    )
    return b"RIFF" + len(inside).to_bytes(4, "little") + inside


def _split_boxes(body: bytes) -> list[Chunk]:
    return list(_boxes(body))


def _boxes(body: bytes) -> Iterator[Chunk]:
    at = 0
    while at + 8 <= len(body):
        length = int.from_bytes(body[at : at + 4], "big") or len(body) - at
        yield Chunk(body[at + 4 : at + 8], body[at + 8 : at + length])
        at += max(8, length)


def _join_boxes(chunks: list[Chunk]) -> bytes:
    return b"".join(((each.length + 8) % 2**32).to_bytes(4, "big") + each.kind + each.data for each in chunks)


BOXES = Layout(_split_boxes, _join_boxes)
