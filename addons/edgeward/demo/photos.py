"""Harmless photographs for the demonstration: those of scikit-image, or of a directory."""

import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from edgeward.errors import BadImage, UserError
from edgeward.hashing.fingerprint import fingerprint
from edgeward.settings.config import HashingSettings
from edgeward.types import DEFAULT_RADIUS, MIN_PDQ_QUALITY, Signal

BUILTIN_FILES = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png", "camera.png")
"""Photographs that are in the scikit-image wheel, so that none has to be downloaded."""

BROWSER_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
"""Formats of `--images` that are served unchanged: Pillow's name, and the media type."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture file. `name` is safe as the last part of a URL's path."""

    name: str
    body: bytes
    media_type: str = "image/jpeg"

    @property
    def path(self) -> str:
        return f"/{self.name}"


def builtin_photos() -> list[Photo]:
    """scikit-image's photographs as JPEG.

    Raises:
        UserError: scikit-image is not installed.
    """
    package = importlib.util.find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        raise UserError("scikit-image is missing: pip install 'edgeward[demo]', or give --images DIR")
    data = Path(package.submodule_search_locations[0]) / "data"
    return [Photo(f"{Path(name).stem}.jpg", _as_jpeg(data / name)) for name in BUILTIN_FILES]


def _as_jpeg(path: Path) -> bytes:
    with Image.open(path) as image:
        return encoded(image, "JPEG", quality=88)


def photos_in(directory: Path) -> list[Photo]:
    """Every picture of a directory in a format that browsers show, unchanged, sorted by name.

    Raises:
        UserError: there is no such directory.
    """
    if not directory.is_dir():
        raise UserError(f"{directory} is not a directory")
    photos = []
    for number, path in enumerate(sorted(directory.iterdir())):
        media_type = _media_type(path) if path.is_file() else None
        if media_type:
            photos.append(Photo(f"{number}{path.suffix.lower()}", path.read_bytes(), media_type))
    return photos


def _media_type(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            return BROWSER_FORMATS.get(image.format or "")
    except (UnidentifiedImageError, OSError):
        return None


def first_distinct(photos: Sequence[Photo], count: int) -> list[Photo]:
    """The first `count` photographs that PDQ can tell apart: with enough detail, and over twice the match radius apart.

    Raises:
        BadImage: there are fewer.
    """
    chosen: list[tuple[Photo, Signal]] = []
    for photo in photos:
        signal = _pdq(photo)
        if signal and all(_distance(signal, other) > 2 * DEFAULT_RADIUS["pdq"] for _, other in chosen):
            chosen.append((photo, signal))
        if len(chosen) == count:
            return [photo for photo, _ in chosen]
    raise BadImage(f"{count} distinct photographs are needed; {len(chosen)} of {len(photos)} are distinct")


def _pdq(photo: Photo) -> Signal | None:
    settings = HashingSettings(signals=("sha256", "pdq"))
    signals = fingerprint(photo.body, settings).signals
    return next((s for s in signals if s.type == "pdq" and (s.quality or 0) >= MIN_PDQ_QUALITY), None)


def _distance(one: Signal, other: Signal) -> int:
    return (int(one.value, 16) ^ int(other.value, 16)).bit_count()


def smaller_webp(photo: Photo) -> Photo:
    """The same picture at two thirds of its size as WebP: other bytes, same look."""
    with Image.open(io.BytesIO(photo.body)) as image:
        small = image.convert("RGB").resize((image.width * 2 // 3, image.height * 2 // 3))
    return Photo(f"{Path(photo.name).stem}-small.webp", encoded(small, "WEBP", quality=60), "image/webp")


def encoded(image: Image.Image, form: str, quality: int) -> bytes:
    """The bytes of an image file. `form`: Pillow's name of the format; `quality`: 0..100."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, form, quality=quality)
    return buffer.getvalue()
