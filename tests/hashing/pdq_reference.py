"""PDQ as `pdqhash`, the reference implementation in C++, computes it."""

import numpy as np
import pdqhash
from PIL import Image


def reference_pdq(picture: Image.Image) -> tuple[str, int]:
    """The PDQ (64 hexadecimal digits) and quality of any picture."""
    vector, quality = pdqhash.compute(np.asarray(picture.convert("RGB")))
    return np.packbits(vector).tobytes().hex(), quality
