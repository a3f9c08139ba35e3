"""Any picture as "L" or "RGB": as browsers show it, and as hashing tools see it.

Browsers draw a transparent picture on the page, which is white. PDQ's reference, and tools that call
`Image.convert("RGB")` before they hash, drop the alpha channel and see the hidden colours. If a tenth of the picture is
transparent, the two hashes differ by 20 to 100 bits, so both are made.

Colour profiles are ignored, as by the reference. CMYK is converted as browsers do without a profile:
R = (255 - C) (255 - K) / 255.
"""

import numpy as np
from PIL import Image


def flattened(image: Image.Image) -> tuple[Image.Image, ...]:
    """The loaded picture as "L" or "RGB". A partly transparent one gives two: on white, and without its alpha."""
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
    """16-bit levels to their upper 8 bits. Wider numbers have no fixed white: their range is scaled to 0..255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    low, high = (0.0, 65536.0) if image.mode.startswith("I;16") else (float(values.min()), float(values.max()))
    scaled = (values - low) * (256 / max(high - low, 1e-9))
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))
