"""The wire between a hasher and its parent."""

from edgeward.isolation.frames import LENGTH_BYTES, length_of


def test_lengths() -> None:
    """A length is four bytes, big-endian."""
    assert length_of(b"x" * 258) == b"\0\0\x01\x02"
    assert len(length_of(b"")) == LENGTH_BYTES
