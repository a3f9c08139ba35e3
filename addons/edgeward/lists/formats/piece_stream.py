"""A binary stream made of pieces of bytes, as decoders give them."""

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

BUFFER_BYTES = 64 * 1024


class _Pieces(io.RawIOBase):
    """The pieces one after another. What the iterator raises passes through to the reader."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # narrower than Buffer
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def stream_of(pieces: Iterator[bytes]) -> BinaryIO:
    """The concatenation of `pieces` as a stream that reads them as it is read. Empty pieces are skipped."""
    return cast("BinaryIO", io.BufferedReader(_Pieces(pieces), BUFFER_BYTES))


def pieces_of(stream: BinaryIO) -> Iterator[bytes]:
    """The rest of a stream, in pieces of BUFFER_BYTES."""
    return iter(lambda: stream.read(BUFFER_BYTES), b"")
