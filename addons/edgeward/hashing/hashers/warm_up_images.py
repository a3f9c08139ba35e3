"""Pictures that make Pillow load everything it loads at first use. Processes decode them before they are isolated.

The decoders are loaded with their modules (formats.py). Loaded at first use is Pillow's colour management.
"""

import io
from collections.abc import Iterator

from PIL import Image

_SIZE = (96, 64)
_FORMATS = (("JPEG", "RGB"), ("PNG", "RGBA"), ("GIF", "P"), ("TIFF", "LAB"))


def warm_up_images() -> Iterator[bytes]:
    """Small files of several formats and modes."""
    picture = Image.linear_gradient("L").resize(_SIZE).rotate(30)
    for format, mode in _FORMATS:
        file = io.BytesIO()
        (Image.new(mode, _SIZE) if mode == "LAB" else picture.convert(mode)).save(file, format)
        yield file.getvalue()
