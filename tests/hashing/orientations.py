"""Pictures shown as their EXIF orientation says, by Pillow: the oracle."""

import io

from PIL import Image, ImageOps
from tests.hashing.pictures import encoded

_TAG = 0x0112


def oriented(picture: Image.Image, orientation: int, format: str = "PNG", **options: int) -> bytes:
    """A file that stores `picture` and says how to turn it."""
    exif = Image.Exif()
    exif[_TAG] = orientation
    return encoded(picture, format, exif=exif, **options)


def turned(picture: Image.Image, orientation: int) -> Image.Image:
    """What viewers show of `oriented`."""
    with Image.open(io.BytesIO(oriented(picture, orientation, compress_level=1))) as image:
        return ImageOps.exif_transpose(image).convert(picture.mode)
