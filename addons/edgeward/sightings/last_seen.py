"""When a target served an image last, and how often before: one number, as the store holds it with the target.

The low 32 bits are the Unix second; above them stands how often the target was recorded again. Redis stores the number
of a target that was recorded once in five bytes.
"""

_SECONDS_MASK = 0xFFFF_FFFF
_ONE_REPEAT = _SECONDS_MASK + 1
MAX_REPEATS = 1 << 20
"""More are not counted: the number stays exact as a double."""


def last_seen(stored: bytes | int) -> int:
    """The Unix second when the target served the image last."""
    return int(stored) & _SECONDS_MASK


def repeats(stored: bytes | int) -> int:
    """How often the target was recorded again after its first sighting; 0: it was recorded once."""
    return int(stored) // _ONE_REPEAT


def seen_again(stored: bytes | int, at: int) -> int:
    """The number for a target that is on record and served the image again at `at` (Unix seconds)."""
    return min(repeats(stored) + 1, MAX_REPEATS) * _ONE_REPEAT + max(last_seen(stored), at)
