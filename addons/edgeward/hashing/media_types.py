"""The media type of an image by its first bytes, never by its declared Content-Type.

Signatures are those of the WHATWG MIME Sniffing Standard, section 6.1, and of the formats' own specifications. Like
browsers, this skips no leading white space. SVG has no magic bytes and is not recognised here (embedded_images/).
"""

from collections.abc import Callable

NOT_AN_IMAGE = "the bytes are not an image of a known format"
"""The message of every error about such bytes."""
SNIFF_BYTES = 256
"""Bytes that `sniff` looks at: enough for every signature, and for 58 brands of an ISO container."""

DECODABLE = frozenset(
    {
        *("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp", "image/x-icon"),
        *("image/heic", "image/jxl", "image/jp2", "image/tiff"),
    }
)
"""The media types that a hasher can decode."""

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"II\xbc\x01", "image/jxr"),
    (b"\xff\x0a", "image/jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"8BPS\0\x01", "image/vnd.adobe.photoshop"),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"})
_BMP_HEADER_SIZES = frozenset({12, *range(16, 65, 4), 42, 46, 108, 124})
"""Of Windows, and of OS/2, where a header may end after any field."""
_ICON_TYPES = (1, 2)


def sniff(prefix: bytes) -> str | None:
    """The media type of the image that begins with `prefix`; None if it is not a known type of image.

    Give it at least SNIFF_BYTES if the body has them. Bytes beyond are ignored.
    """
    prefix = bytes(prefix[:SNIFF_BYTES])
    for magic, media_type in _MAGIC:
        if prefix.startswith(magic):
            return media_type
    return next((found for container in _CONTAINERS if (found := container(prefix))), None)


def may_begin(prefix: bytes) -> bool:
    """Whether `prefix`, followed by more bytes, could still be an image that `sniff` knows."""
    return len(prefix) < SNIFF_BYTES and (len(prefix) < 8 or prefix[:2] in _STARTS or prefix[4:8] == b"ftyp")


def _riff(prefix: bytes) -> str | None:
    return "image/webp" if prefix[:4] == b"RIFF" and prefix[8:14] == b"WEBPVP" else None


def _bmp(prefix: bytes) -> str | None:
    """Any text can begin with "BM": the header size after it must be a known one too."""
    known = len(prefix) >= 18 and int.from_bytes(prefix[14:18], "little") in _BMP_HEADER_SIZES
    return "image/bmp" if prefix[:2] == b"BM" and known else None


def _icon(prefix: bytes) -> str | None:
    """ICO and CUR: reserved 0, type, a count of at least one image, and a first entry."""
    if len(prefix) < 22 or prefix[:2] != b"\0\0":
        return None
    kind, count = int.from_bytes(prefix[2:4], "little"), int.from_bytes(prefix[4:6], "little")
    return "image/x-icon" if kind in _ICON_TYPES and count else None


def _iso(prefix: bytes) -> str | None:
    """ISO base media, by the brands of the `ftyp` box. AVIF goes first: its files may list HEIF brands too."""
    if prefix[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(prefix[:4], "big"), len(prefix))
    brands = {prefix[at : at + 4] for at in (8, *range(16, end - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "image/avif"
    return "image/heic" if brands & _HEIF_BRANDS else None


_STARTS = frozenset({magic[:2] for magic, _ in _MAGIC} | {b"RI", b"BM", b"\0\0"})
"""The first two bytes of every image that `sniff` knows, except ISO containers, which begin with a length."""
_CONTAINERS: tuple[Callable[[bytes], str | None], ...] = (_riff, _bmp, _icon, _iso)
