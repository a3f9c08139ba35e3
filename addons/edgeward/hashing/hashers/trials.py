"""Pictures for a process to try itself out on, before it is locked up: between them they make Pillow load what is late.

The decoders themselves come with their modules (formats.py). What is late is Pillow's colour management.
"""

import io
from collections.abc import Iterator

from PIL import Image

_SIZE = (96, 64)
_FORMATS = (("JPEG", "RGB"), ("PNG", "RGBA"), ("GIF", "P"), ("TIFF", "LAB"))


def trials() -> Iterator[bytes]:
    """Small files of several formats and modes."""
    picture = Image.linear_gradient("L").resize(_SIZE).rotate(30)
    for format, mode in _FORMATS:
        file = io.BytesIO()
        (Image.new(mode, _SIZE) if mode == "LAB" else picture.convert(mode)).save(file, format)
        yield file.getvalue()
