"""Transforms of a photograph: named, pure functions of the picture."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

SENT_QUALITY = 85
"""JPEG quality of transformed pictures, unless the transform is about encoding."""

type Maker = Callable[[Image.Image], Image.Image | bytes]
"""Returns the transformed picture, or the bytes that are sent; always the same for the same picture."""


@dataclass(frozen=True, slots=True)
class Transform:
    """One row of the table. Each maker is one variant of it: "5 % off one side" has four."""

    name: str
    makers: tuple[Maker, ...]

    def bodies(self, picture: Image.Image) -> Iterator[bytes]:
        """The bytes that are sent, for each variant."""
        for make in self.makers:
            made = make(picture)
            yield made if isinstance(made, bytes) else encoded(made, "JPEG", quality=SENT_QUALITY)


@dataclass(frozen=True, slots=True)
class Group:
    """Transforms of one kind."""

    title: str
    transforms: tuple[Transform, ...]


def transform(name: str, *makers: Maker) -> Transform:
    return Transform(name, makers)


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of an image file of that format."""
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()
