"""The same picture in other bytes."""

from functools import partial

from PIL import Image
from tests.detection.transform import Group, encoded, transform


def listed_file(picture: Image.Image) -> bytes:
    """The very file that is listed: its pixels without loss."""
    return encoded(picture, "PNG")


def saved(form: str, picture: Image.Image, **options: int | bool) -> bytes:
    return encoded(picture, form, **options)


def palette(picture: Image.Image) -> bytes:
    """A GIF has 256 colours at most: dithered, as most programs do."""
    return encoded(picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=256), "GIF")


ENCODING = Group(
    "Re-encoding",
    (
        transform("the same file", listed_file),
        transform("PNG, packed anew", partial(saved, "PNG", compress_level=1)),
        *(
            transform(f"JPEG, quality {quality}", partial(saved, "JPEG", quality=quality))
            for quality in (95, 75, 50, 30)
        ),
        transform("JPEG, quality 10", partial(saved, "JPEG", quality=10)),
        transform("JPEG, progressive", partial(saved, "JPEG", quality=75, progressive=True)),
        *(transform(f"WebP, quality {quality}", partial(saved, "WEBP", quality=quality)) for quality in (80, 30)),
        *(
            transform(f"AVIF, quality {quality}", partial(saved, "AVIF", quality=quality, speed=8))
            for quality in (60, 30)
        ),
        transform("GIF, 256 colours", palette),
    ),
)
