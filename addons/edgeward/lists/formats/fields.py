"""Fields of records, as several programmes write them: text, truth, types of files, tags."""

from collections.abc import Iterable
from typing import Any

from edgeward.quantities import excerpt

MAX_TAGS = 32
"""Tags of one record that are read."""
MAX_TAG_LENGTH = 100
"""Characters of a tag."""
MAX_DESCRIPTION = 500
"""As many characters of a description are kept."""
KIND_CHARACTERS = 24
"""As much of the name of a kind is shown."""

_IMAGES = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "pjpeg", "png", "apng", "gif", "webp", "avif", "bmp", "tif", "tiff", "heic", "heif"}
    | {"ico", "svg", "jxl", "jp2", "image"}
)


def is_image(file_type: str) -> bool:
    """Whether an extension, or a media type, is that of an image; True if there is none."""
    kind, slash, subtype = file_type.strip().lower().removeprefix(".").partition("/")
    return kind == "image" and bool(subtype) if slash else not kind or kind in _IMAGES


def text_of(value: object) -> str:
    """Text, or a number as text, without space around it; "" for all else.

    What JSON can name and no encoding can write, half a surrogate pair, becomes a question mark.
    """
    if isinstance(value, str):
        return value.strip() if value.isascii() else value.encode("utf-8", "replace").decode().strip()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def can_be_written(text: str) -> bool:
    """Whether it has no half of a surrogate pair, which JSON can name and no encoding can write."""
    return text.isascii() or text == text.encode("utf-8", "replace").decode()


def hash_of(value: object) -> object:
    """A hash as it is given. Text is cleaned as by `text_of`."""
    return text_of(value) if isinstance(value, str) else value


def truth_of(value: object) -> bool:
    """Whether a value means true, as a boolean or as text. None means false; for what is neither, ValueError."""
    if value is None or isinstance(value, bool):
        return bool(value)
    match text_of(value).lower():
        case "true" | "1" | "yes":
            return True
        case "false" | "0" | "no" | "":
            return False
    raise ValueError("neither true nor false")


def reason_of(value: object) -> str:
    """A description, as far as it may be a reason."""
    return text_of(value)[:MAX_DESCRIPTION]


def kind_of(value: object) -> str:
    """What a message shows of a value that names a kind."""
    return excerpt(text_of(value), KIND_CHARACTERS) or "unknown kind"


def tags_of(values: Iterable[Any]) -> tuple[str, ...]:
    """Each label once, without empty ones; the first MAX_TAGS."""
    found: dict[str, None] = {}
    for value in values:
        if tag := text_of(value)[:MAX_TAG_LENGTH]:
            found[tag] = None
        if len(found) == MAX_TAGS:
            break
    return tuple(found)
