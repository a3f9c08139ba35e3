"""The messages between an isolated process and its parent: frames of a length (4 bytes, big-endian) and its bytes.

The process sends READY once. Then, for each request, the parent sends a frame that says what to do and a frame with a
body; the process sends BEGUN when it has read both, and then its answer.
"""

READY = b"ready"
"""The first word of the first frame; the other words are those of LAYERS that hold."""
BEGUN = b"begun"
"""If the process dies after this, the body may be why; before it, the body was not looked at."""
LENGTH_BYTES = 4

NO_NEW_PRIVS, LANDLOCK, SECCOMP = "no_new_privs", "landlock", "seccomp"
LAYERS = (NO_NEW_PRIVS, LANDLOCK, SECCOMP)
"""The layers of isolation that a kernel may lack, or a container forbid. Limits (setrlimit) always hold."""


def length_prefix(payload: bytes) -> bytes:
    """What goes before `payload`."""
    return len(payload).to_bytes(LENGTH_BYTES, "big")
