"""What a hasher and its parent say to each other: frames of a length (4 bytes, big-endian) and as many bytes."""

READY = b"ready"
"""The hasher's first frame."""
BEGUN = b"begun"
"""The hasher has all of an image and starts on it: if it dies from here on, the image may be why."""
LENGTH_BYTES = 4


def length_of(payload: bytes) -> bytes:
    """What goes before `payload`."""
    return len(payload).to_bytes(LENGTH_BYTES, "big")
