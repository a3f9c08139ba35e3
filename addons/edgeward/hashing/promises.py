"""The size that a WebP or AVIF promises, read without its decoder.

Their decoders allocate while they open a file, and report a failed allocation as a broken file. Whoever knows what was
promised can tell the two apart. Other formats promise (0, 0) here: their headers are read without allocating.
"""


def promised_size(body: bytes, media_type: str) -> tuple[int, int]:
    """Width and height in pixels, (0, 0) where they can't be found."""
    if media_type == "image/webp":
        return _webp(body[:30])
    if media_type == "image/avif":
        return _avif(body)
    return (0, 0)


def _webp(head: bytes) -> tuple[int, int]:
    """RFC 9649: the canvas of VP8X, or the frame header of VP8 (RFC 6386, section 9.1) or VP8L."""
    kind = head[12:16]
    if kind == b"VP8X":
        return _little(head[24:27]) + 1, _little(head[27:30]) + 1
    if kind == b"VP8 ":
        return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
    if kind == b"VP8L":
        bits = _little(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return (0, 0)


def _avif(body: bytes) -> tuple[int, int]:
    """The largest `ispe` property (ISO/IEC 23008-12, 6.5.3), wherever it stands: a grid has one of each tile too."""
    largest = (0, 0)
    at = body.find(b"ispe")
    while at >= 0:
        width, height = (int.from_bytes(body[at + 8 + skip : at + 12 + skip], "big") for skip in (0, 4))
        largest = max(largest, (width, height), key=lambda size: size[0] * size[1])
        at = body.find(b"ispe", at + 4)
    return largest


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
