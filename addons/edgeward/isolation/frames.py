"""What a hasher and its parent say to each other: frames of a length (4 bytes, big-endian) and as many bytes."""

READY = b"ready"
"""The first word of the hasher's first frame; the others are those of LAYERS that hold."""
BEGUN = b"begun"
"""The hasher has all of an image and starts on it: if it dies from here on, the image may be why."""
LENGTH_BYTES = 4

NO_NEW_PRIVS, LANDLOCK, SECCOMP = "no_new_privs", "landlock", "seccomp"
LAYERS = (NO_NEW_PRIVS, LANDLOCK, SECCOMP)
"""The layers of a hasher's isolation that a kernel may lack, or a container forbid. Limits (setrlimit) always hold."""


def length_of(payload: bytes) -> bytes:
    """What goes before `payload`."""
    return len(payload).to_bytes(LENGTH_BYTES, "big")
