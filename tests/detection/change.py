"""What is done to a photograph before it is met again: a named, pure function of the picture."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

SENT_QUALITY = 85
"""JPEG quality with which a changed picture is sent, where the change is not about the encoding."""

type Maker = Callable[[Image.Image], Image.Image | bytes]
"""The changed picture, or the bytes that are sent. The same picture gives the same result each time."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the table. Each of its makers does it in another way, as "5 % off one side" has four sides."""

    name: str
    makers: tuple[Maker, ...]

    def bodies(self, picture: Image.Image) -> Iterator[bytes]:
        """The bytes that are sent, of each way in turn."""
        for make in self.makers:
            made = make(picture)
            yield made if isinstance(made, bytes) else encoded(made, "JPEG", quality=SENT_QUALITY)


@dataclass(frozen=True, slots=True)
class Group:
    """Changes of one kind."""

    title: str
    changes: tuple[Change, ...]


def change(name: str, *makers: Maker) -> Change:
    return Change(name, makers)


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of an image file of that format."""
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()
