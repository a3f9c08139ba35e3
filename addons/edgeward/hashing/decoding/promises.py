"""What a file says of its size, read without its decoder.

Some decoders allocate while they open a file, and report a failed allocation as a broken file. Whoever knows what was
promised can refuse in time, and can tell the two apart. Other formats promise (0, 0) here: their headers are read
without allocating.
"""

from collections.abc import Callable, Mapping

from edgeward.hashing.decoding.icons import icon_size

type Size = tuple[int, int]

_ISPE = b"\0\0\0\x14ispe\0\0\0\0"
"""The whole head of the box, so that no picture data is taken for one."""
_SIZ = b"\xff\x4f\xff\x51"
"""SOC, with which a codestream begins, and the marker that must follow."""


def promised_size(body: bytes, media_type: str) -> Size:
    """Width and height in pixels, the largest where several are named; (0, 0) where they can't be found."""
    reader = _READERS.get(media_type)
    return reader(body) if reader else (0, 0)


def _webp(body: bytes) -> Size:
    """RFC 9649: the canvas of VP8X, or the frame header of VP8 (RFC 6386, section 9.1) or VP8L."""
    head = body[:30]
    kind = head[12:16]
    if kind == b"VP8X":
        return _little(head[24:27]) + 1, _little(head[27:30]) + 1
    if kind == b"VP8 ":
        return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
    if kind == b"VP8L":
        bits = _little(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return (0, 0)


def _heif(body: bytes) -> Size:
    """The largest `ispe` property (ISO/IEC 23008-12, 6.5.3): a grid has one of each tile too.

    It is that of what is coded, a little more than what is shown.
    """
    largest, at = (0, 0), body.find(_ISPE)
    while at >= 0:
        largest = max(largest, _pair(body, at + len(_ISPE)), key=lambda size: size[0] * size[1])
        at = body.find(_ISPE, at + len(_ISPE))
    return largest


def _jpeg_2000(body: bytes) -> Size:
    """SIZ (ISO/IEC 15444-1, A.5.1): the far corner of the image on its grid, less the near one."""
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
