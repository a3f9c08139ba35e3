"""A batch with its data as a stream of bytes, from the process that reads it from the store to the one that writes the
files of the machine (write_files.py)."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from edgeward.types import Batch

_FRAME = struct.Struct("<HI")
"""Length of the name, and of the value."""
END = _FRAME.pack(0, 0)
"""Ends a stream. One that ends without it was cut short."""


def frame(name: str, value: bytes) -> bytes:
    """One of the data."""
    return _FRAME.pack(len(name), len(value)) + name.encode() + value


def first_line(batch: Batch) -> bytes:
    """What a stream begins with."""
    return batch.to_json().encode() + b"\n"


def read_batch(stream: BinaryIO) -> Batch:
    """The batch with which a stream begins."""
    return Batch.from_json(stream.readline())


def read_data(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """All data of a stream. Raises EOFError if it was cut short."""
    while (head := _exactly(stream, _FRAME.size)) != END:
        name_length, length = _FRAME.unpack(head)
        yield _exactly(stream, name_length).decode(), _exactly(stream, length)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    read = stream.read(size)
    if len(read) < size:
        raise EOFError("the data of a batch were cut short")
    return read
