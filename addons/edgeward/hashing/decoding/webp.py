"""A cut-off WebP, repaired: browsers show the part that arrived, but libwebp's decoder wants the whole file.

The container (RFC 9649, section 2) is a sequence of chunks: a name (4 bytes), a size (4 bytes), and that many bytes,
padded to an even number.
"""

from collections.abc import Iterator

_FRAME = b"ANMF"
_CHUNK_HEADER_BYTES = 8


def repaired(body: bytes) -> bytes:
    """`body` with its last chunk padded with zeros, to at most twice its size; a cut-off animation frame is dropped.

    Unchanged if nothing is missing.
    """
    *_, (start, end) = (12, 12), *_chunks(body)
    if end <= len(body):
        return body if _riff_size(body) <= len(body) else _with_riff_size(body[:end])
    if body[start : start + 4] == _FRAME:
        return _with_riff_size(body[:start])
    return _with_riff_size(body + bytes(min(end - len(body), len(body))))


def _chunks(body: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each chunk. The end of the last may lie beyond the file."""
    at, end = 12, _riff_size(body)
    while at + _CHUNK_HEADER_BYTES <= min(end, len(body)):
        size = int.from_bytes(body[at + 4 : at + _CHUNK_HEADER_BYTES], "little")
        yield at, at + _CHUNK_HEADER_BYTES + size + size % 2
        at += _CHUNK_HEADER_BYTES + size + size % 2


def _riff_size(body: bytes) -> int:
    return int.from_bytes(body[4:8], "little") + _CHUNK_HEADER_BYTES


def _with_riff_size(body: bytes) -> bytes:
    return body[:4] + (len(body) - _CHUNK_HEADER_BYTES).to_bytes(4, "little") + body[_CHUNK_HEADER_BYTES:]
