"""Any picture as "L" or "RGB", in the ways in which it is seen.

A browser paints what is transparent on its page, which is white. The reference of PDQ, and who calls
`Image.convert("RGB")` before a hash, drop the alpha channel and see what lies hidden under it. The two hashes differ by
20 to 100 bits where a tenth of the picture is transparent, so both are wanted.

Colours are taken as they are written, without colour profiles, as the reference does; CMYK as browsers take it where
there is no profile, R = (255 - C) (255 - K) / 255.
"""

import numpy as np
from PIL import Image


def painted(image: Image.Image) -> tuple[Image.Image, ...]:
    """The loaded picture in "L" or "RGB": on white, and without its alpha channel where that is another."""
    if image.mode.startswith("I") or image.mode == "F":
        return (_scaled(image),)
    if not image.has_transparency_data:
        return (image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB"),)
    image = image.convert("RGBA")
    bare = image.convert("RGB")
    if image.getchannel("A").getextrema()[0] == 255:
        return (bare,)
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"), bare


def _scaled(image: Image.Image) -> Image.Image:
    """16 bits to the upper 8 of them; wider numbers, which have no fixed white, from their least to their greatest."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    low, high = (0.0, 65536.0) if image.mode.startswith("I;16") else (float(values.min()), float(values.max()))
    scaled = (values - low) * (256 / max(high - low, 1e-9))
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))
