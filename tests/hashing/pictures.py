"""Pictures for these tests: skimage's photographs and drawings, in every format and mode."""

import io
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import pillow_heif
import skimage.data
from PIL import Image, ImageDraw

pillow_heif.register_heif_opener()

FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
    "image/jxl": "JXL",
    "image/jp2": "JPEG2000",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
    "image/x-icon": "ICO",
}
"""What `encoded` and `decoded` call the format of each media type that can be decoded."""

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "camera", "coins")


class Form(NamedTuple):
    """One way to write a picture: the format, the mode, and the encoder's options."""

    format: str
    mode: str
    options: dict[str, Any] = {}  # noqa: RUF012  never written to

    def __str__(self) -> str:
        return " ".join((self.format, self.mode, *(f"{name}={value}" for name, value in self.options.items())))


FORMS = (
    *(Form("JPEG", mode) for mode in ("L", "RGB", "CMYK", "YCCK")),
    *(Form("JPEG", mode, {"progressive": True}) for mode in ("L", "RGB", "CMYK")),
    *(Form("JPEG", "RGB", {"subsampling": subsampling}) for subsampling in (0, 1)),
    Form("MPO", "RGB"),
    *(Form("PNG", mode) for mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16", "RGB;16", "RGBA;16")),
    *(Form(format, mode) for format in ("GIF", "WEBP", "AVIF", "HEIF", "JXL") for mode in ("L", "RGB", "RGBA")),
    Form("WEBP", "RGB", {"lossless": True}),
    Form("WEBP", "RGBA", {"lossless": True}),
    Form("AVIF", "RGB", {"subsampling": "4:4:4"}),
    *(Form("HEIF", mode) for mode in ("LA", "I;16", "RGB;16")),
    *(Form("JXL", mode) for mode in ("LA", "I;16", "RGB;16", "RGBA;16", "F")),
    Form("JXL", "RGB", {"distance": 1.0}),
    Form("JXL", "RGB", {"usecontainer": True}),
    *(Form("JPEG2000", mode) for mode in ("L", "LA", "RGB", "RGBA", "I;16")),
    *(Form("JPEG2000", mode, {"no_jp2": True}) for mode in ("L", "RGB", "RGBA")),
    Form("JPEG2000", "RGB", {"irreversible": True, "quality_mode": "dB", "quality_layers": [40]}),
    *(Form("TIFF", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "F")),
    *(Form("TIFF", "RGB", {"compression": name}) for name in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
    Form("TIFF", "1", {"compression": "group4"}),
    *(Form("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
    *(Form("ICO", mode) for mode in ("L", "P", "RGB", "RGBA")),
    *(Form("ICO", mode, {"bitmap_format": "bmp"}) for mode in ("1", "L", "P", "RGB", "RGBA")),
)
"""Every format and mode that is decoded."""


@cache
def photograph(name: str = "astronaut") -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)()).convert("RGB")


_FAST: dict[str, dict[str, Any]] = {
    "AVIF": {"speed": 10, "max_threads": 1},
    "HEIF": {"enc_params": {"preset": "ultrafast", "x265:pools": "none"}},
    "JXL": {"effort": 1},
    "WEBP": {"method": 0},
}
"""Fast to write rather than small."""


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    options = _FAST.get(format, {}) | options
    if format == "JXL":
        return bytes(imagecodecs.jpegxl_encode(np.asarray(picture), **options))
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def decoded(body: bytes, format: str) -> Image.Image:
    """The picture as other tools decode it."""
    return Image.fromarray(imagecodecs.jpegxl_decode(body)) if format == "JXL" else Image.open(io.BytesIO(body))


def formed(form: Form, picture: Image.Image) -> bytes:
    """The file of an "RGB" picture in this form. With an alpha channel, only an oval of it is opaque."""
    levels = np.asarray(picture)
    match form:
        case ("JPEG", "YCCK", _):
            return _ycck(picture.convert("CMYK"))
        case ("PNG" | "JXL", "RGB;16" | "RGBA;16", _):
            levels = np.asarray(_cut_out(picture)) if form.mode == "RGBA;16" else levels
            levels = levels.astype(np.uint16) * 257
            if form.format == "PNG":
                return bytes(imagecodecs.png_encode(levels, level=1))
            return bytes(imagecodecs.jpegxl_encode(levels, **_FAST["JXL"]))
        case ("HEIF", "RGB;16", _):
            deep = (levels.astype(np.uint16) * 257).tobytes()
            heif = pillow_heif.from_bytes("RGB;16", picture.size, deep)
            buffer = io.BytesIO()
            heif.save(buffer, **_FAST["HEIF"])
            return buffer.getvalue()
        case ("JXL", "F", _):
            grey = np.asarray(picture.convert("L"), dtype=np.float32) / 255
            return bytes(imagecodecs.jpegxl_encode(grey, **_FAST["JXL"]))
        case ("PNG", "PA", _):
            return encoded(picture.quantize(64), "PNG", transparency=3)
    return encoded(in_mode(picture, form.mode), form.format, **form.options)


def in_mode(picture: Image.Image, mode: str) -> Image.Image:
    """The "RGB" picture in one of Pillow's modes."""
    grey = picture.convert("L")
    if mode == "I;16":
        return Image.fromarray(np.asarray(grey, dtype=np.uint16) * 257)
    if mode == "LAB":
        return Image.merge("LAB", [grey] * 3)
    return (_cut_out(picture) if mode in ("LA", "RGBA") else picture).convert(mode)


def _ycck(picture: Image.Image) -> bytes:
    """A "CMYK" picture as Adobe's programs write it: a CMYK JPEG in which CMY are coded as if they were RGB."""
    *colours, black = picture.split()
    bands = [band.point(lambda level: 255 - level) for band in Image.merge("RGB", colours).convert("YCbCr").split()]
    body = bytearray(encoded(Image.merge("CMYK", [*bands, black]), "JPEG", quality=90))
    body[body.index(b"Adobe") + 11] = 2
    return bytes(body)


def animated(pictures: Sequence[Image.Image], format: str) -> bytes:
    """An animation, or a file of several pages, with these pictures as full frames."""
    if format == "JXL":
        return bytes(imagecodecs.jpegxl_encode(np.stack(pictures), photometric="rgb", **_FAST["JXL"]))
    return encoded(pictures[0], format, save_all=True, append_images=pictures[1:])


def _cut_out(picture: Image.Image) -> Image.Image:
    alpha = Image.new("L", picture.size)
    ImageDraw.Draw(alpha).ellipse((0, 0, *picture.size), fill=255)
    picture = picture.copy()
    picture.putalpha(alpha)
    return picture


def jpeg(size: tuple[int, int] = (320, 240), name: str = "astronaut", **options: Any) -> bytes:
    return encoded(photograph(name).resize(size), "JPEG", **options)


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """A picture that is slow to decode and to hash, and compresses badly."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()
