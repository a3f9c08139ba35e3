"""Several changes at once, as pictures get them on their way."""

import io

from PIL import Image, ImageOps
from tests.detection.change import Group, change, encoded
from tests.detection.changes.crops import cropped
from tests.detection.changes.frames import bordered
from tests.detection.changes.marks import BLACK, WHITE, meme, signed
from tests.detection.changes.sizes import resized
from tests.detection.changes.turns import filled


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
    """What somebody does who knows of filters: mirrored, tilted, marked."""
    return signed(filled(3, BLACK, ImageOps.mirror(picture)))


REPOSTS = Group(
    "Several at once",
    (
        change("halved, JPEG twice", messenger),
        change("meme letters, border, JPEG twice", reposted),
        change("5 % off the width, halved, WebP", trimmed),
        change("mirrored, with a border", mirrored_border),
        change("mirrored, 5 % off one side", mirrored_crop),
        change("mirrored, tilted by 3°, marked", evaded),
    ),
)
