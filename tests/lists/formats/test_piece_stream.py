"""Streams made of pieces."""

import io
from collections.abc import Iterator

import pytest

from edgeward.errors import UserError
from edgeward.lists.formats.piece_stream import pieces_of, stream_of


def test_pieces_are_read_one_after_another() -> None:
    """Empty ones are skipped, and reads may end anywhere."""
    stream = stream_of(iter([b"ab", b"", b"cdef"]))
    assert (stream.read(3), stream.read(1), stream.read(9), stream.read(1)) == (b"abc", b"d", b"ef", b"")


def test_a_stream_in_pieces() -> None:
    """All of it comes, in order."""
    body = bytes(range(256)) * 1000
    assert b"".join(pieces_of(io.BytesIO(body))) == body


def test_what_a_decoder_raises_reaches_the_reader() -> None:
    """The error is that of the decoder, after what it gave before."""

    def pieces() -> Iterator[bytes]:
        yield b"ab"
        raise UserError("broken")

    stream = stream_of(pieces())
    with pytest.raises(UserError, match="broken"):
        stream.read()
