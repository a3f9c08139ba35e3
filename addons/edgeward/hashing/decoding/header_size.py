"""The size that a file's header declares, read without its decoder.

Some decoders allocate memory while they open a file, and report a failed allocation as a broken file. With the declared
size a file that is too large is refused before that, and a failed allocation can be told from a broken file. For other
formats this is (0, 0): their decoders read the header without allocating.
"""

from collections.abc import Callable, Mapping

from edgeward.hashing.decoding.icons import icon_size

type Size = tuple[int, int]

_ISPE = b"\0\0\0\x14ispe\0\0\0\0"
"""The whole header of the box, so that picture data is not mistaken for one."""
_SIZ = b"\xff\x4f\xff\x51"
"""SOC, which begins a codestream, and the SIZ marker that must follow."""


def header_size(body: bytes, media_type: str) -> Size:
    """Width and height in pixels, the largest if there are several; (0, 0) if none is found."""
    reader = _READERS.get(media_type)
    return reader(body) if reader else (0, 0)


def _webp(body: bytes) -> Size:
    """RFC 9649: the canvas of VP8X, or the frame header of VP8 (RFC 6386, section 9.1) or VP8L."""
    head = body[:30]
    chunk = head[12:16]
    if chunk == b"VP8X":
        return _little(head[24:27]) + 1, _little(head[27:30]) + 1
    if chunk == b"VP8 ":
        return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
    if chunk == b"VP8L":
        bits = _little(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return (0, 0)


def _heif(body: bytes) -> Size:
    """The largest `ispe` property (ISO/IEC 23008-12, 6.5.3). A grid also has one for each tile.

    It is the coded size, which may be a little larger than what is shown.
    """
    largest, at = (0, 0), body.find(_ISPE)
    while at >= 0:
        largest = max(largest, _pair(body, at + len(_ISPE)), key=lambda size: size[0] * size[1])
        at = body.find(_ISPE, at + len(_ISPE))
    return largest


def _jpeg_2000(body: bytes) -> Size:
    """SIZ (ISO/IEC 15444-1, A.5.1): the far corner of the image on its grid minus the near one."""
    at = body.find(_SIZ)
    if at < 0:
        return (0, 0)
    (right, bottom), (left, top) = _pair(body, at + 8), _pair(body, at + 16)
    return max(right - left, 0), max(bottom - top, 0)


def _pair(body: bytes, at: int) -> Size:
    return int.from_bytes(body[at : at + 4], "big"), int.from_bytes(body[at + 4 : at + 8], "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


_READERS: Mapping[str, Callable[[bytes], Size]] = {
    "image/webp": _webp,
    "image/avif": _heif,
    "image/heic": _heif,
    "image/jp2": _jpeg_2000,
    "image/x-icon": icon_size,
}
