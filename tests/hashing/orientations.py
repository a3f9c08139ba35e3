"""Pictures shown as their EXIF orientation says, by Pillow, the independent oracle."""

import io

from PIL import Image, ImageOps
from tests.hashing.pictures import encoded

_TAG = 0x0112


def oriented(picture: Image.Image, orientation: int, format: str = "PNG", **options: int) -> bytes:
    """A file that stores `picture` and has this EXIF orientation."""
    exif = Image.Exif()
    exif[_TAG] = orientation
    return encoded(picture, format, exif=exif, **options)


def turned(picture: Image.Image, orientation: int) -> Image.Image:
    """How viewers show that file."""
    with Image.open(io.BytesIO(oriented(picture, orientation, compress_level=1))) as image:
        return ImageOps.exif_transpose(image).convert(picture.mode)
