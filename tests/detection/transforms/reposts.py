"""Several changes at once, as pictures get them on their way."""

import io

from PIL import Image, ImageOps
from tests.detection.transform import Group, encoded, transform
from tests.detection.transforms.crops import cropped
from tests.detection.transforms.frames import bordered
from tests.detection.transforms.marks import BLACK, WHITE, meme, signed
from tests.detection.transforms.sizes import resized
from tests.detection.transforms.turns import filled


def messenger(picture: Image.Image) -> bytes:
    """Half the size, and a poor JPEG of a JPEG."""
    first = encoded(resized(0.5, 0.5, picture), "JPEG", quality=60)
    return reencoded(first, 35)


def reencoded(body: bytes, quality: int) -> bytes:
    with Image.open(io.BytesIO(body)) as image:
        return encoded(image.convert("RGB"), "JPEG", quality=quality)


def reposted(picture: Image.Image) -> bytes:
    return reencoded(messenger(bordered(0.05, WHITE, meme(picture))), 50)


def trimmed(picture: Image.Image) -> bytes:
    return encoded(resized(0.5, 0.5, cropped((0.03, 0, 0.02, 0), picture)), "WEBP", quality=60)


def mirrored_border(picture: Image.Image) -> Image.Image:
    return bordered(0.08, BLACK, ImageOps.mirror(picture))


def mirrored_crop(picture: Image.Image) -> Image.Image:
    return cropped((0.05, 0, 0, 0), ImageOps.mirror(picture))


def evaded(picture: Image.Image) -> Image.Image:
    """As by somebody who evades filters: mirrored, tilted, with a mark."""
    return signed(filled(3, BLACK, ImageOps.mirror(picture)))


REPOSTS = Group(
    "Several at once",
    (
        transform("halved, JPEG twice", messenger),
        transform("meme letters, border, JPEG twice", reposted),
        transform("5 % off the width, halved, WebP", trimmed),
        transform("mirrored, with a border", mirrored_border),
        transform("mirrored, 5 % off one side", mirrored_crop),
        transform("mirrored, tilted by 3°, marked", evaded),
    ),
)
