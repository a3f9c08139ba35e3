"""A WebP that was cut off, made whole: its decoder takes nothing less than it was promised, and browsers show a part.

The container is that of RFC 9649, section 2: chunks of a name (4 bytes), a size (4) and as many bytes, made even.
"""

from collections.abc import Iterator

_FRAME = b"ANMF"
_HEAD = 8


def mended(body: bytes) -> bytes:
    """`body` with its last chunk filled up with zeros, to twice its size at most, or without it where it is a frame.

    As it is where nothing is missing.
    """
    *_, (start, end) = (12, 12), *_chunks(body)
    if end <= len(body):
        return body if _riff_size(body) <= len(body) else _sized(body[:end])
    if body[start : start + 4] == _FRAME:
        return _sized(body[:start])
    return _sized(body + bytes(min(end - len(body), len(body))))


def _chunks(body: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each chunk within the file as it should be."""
    at, end = 12, _riff_size(body)
    while at + _HEAD <= min(end, len(body)):
        size = int.from_bytes(body[at + 4 : at + _HEAD], "little")
        yield at, at + _HEAD + size + size % 2
        at += _HEAD + size + size % 2


def _riff_size(body: bytes) -> int:
    return int.from_bytes(body[4:8], "little") + _HEAD


def _sized(body: bytes) -> bytes:
    return body[:4] + (len(body) - _HEAD).to_bytes(4, "little") + body[_HEAD:]
