"""The messages between an isolated process and its parent."""

from edgeward.isolation.protocol import LENGTH_BYTES, length_prefix


def test_lengths() -> None:
    """A length is four bytes, big-endian."""
    assert length_prefix(b"x" * 258) == b"\0\0\x01\x02"
    assert len(length_prefix(b"")) == LENGTH_BYTES
