"""Harmless photographs for the proxy's tests."""

import functools
import hashlib
import io

from PIL import Image
from skimage import data

from edgeward.types import Signal


@functools.cache
def jpeg(name: str = "astronaut", quality: int = 85, size: tuple[int, int] | None = None) -> bytes:
    return encoded(name, "JPEG", size, quality=quality)


@functools.cache
def encoded(name: str, file_format: str, size: tuple[int, int] | None = None, quality: int = 80) -> bytes:
    image = Image.fromarray(getattr(data, name)())
    out = io.BytesIO()
    (image.resize(size) if size else image).save(out, file_format, quality=quality)
    return out.getvalue()


def sha256(body: bytes) -> Signal:
    return Signal("sha256", hashlib.sha256(body).hexdigest())


@functools.cache
def pdq(name: str) -> Signal:
    import pdqhash

    bits, quality = pdqhash.compute(getattr(data, name)())
    value = int("".join(str(int(bit)) for bit in bits), 2)
    return Signal("pdq", f"{value:064x}", int(quality))
