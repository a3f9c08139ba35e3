"""What several programmes' records have in common: names of algorithms, tags, and values written in several ways."""

from collections.abc import Iterable
from typing import Any

MAX_TAGS = 32
"""Tags of one record that are read."""
MAX_TAG_LENGTH = 100
"""Characters of a tag."""

_SIGNAL_TYPES = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "pdq": "pdq", "photodna": "photodna"}
_SIGNAL_TYPES["pdna"] = "photodna"
_HEX_LENGTHS = {32: "md5", 40: "sha1", 288: "photodna"}
_IMAGES = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "pjpeg", "png", "apng", "gif", "webp", "avif", "bmp", "tif", "tiff", "heic", "heif"}
    | {"ico", "svg", "jxl", "jp2", "image"}
)


def signal_type_of(algorithm: object) -> str | None:
    """The signal type of an algorithm's name: "SHA-256" is sha256. None if images have no such hash here."""
    name = text_of(algorithm).lower()
    return _SIGNAL_TYPES.get("".join(filter(str.isalnum, name)))


def signal_type_by_length(value: str) -> str | None:
    """The signal type of hexadecimal digits where only one has this length: 64 may be sha256 or pdq, and gives ""."""
    if not all(character in "0123456789abcdefABCDEF" for character in value):
        return None
    return "" if len(value) == 64 else _HEX_LENGTHS.get(len(value))


def is_image(file_type: str) -> bool:
    """Whether an extension, or a media type, is that of an image; True if there is none."""
    kind, _, subtype = file_type.strip().lower().removeprefix(".").partition("/")
    return not kind or kind in _IMAGES or (kind == "image" and bool(subtype))


def text_of(value: object) -> str:
    """Text, or a number as text, without space around it; "" for all else.

    What JSON can name and no encoding can write, half a surrogate pair, becomes a question mark.
    """
    if isinstance(value, str):
        return value.strip() if value.isascii() else value.encode("utf-8", "replace").decode().strip()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


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


def kind_of(value: object) -> str:
    """What a message may show of a value that names a kind: 24 characters, which can be printed."""
    shown = "".join(character for character in text_of(value)[:24] if character.isprintable())
    return shown or "unknown kind"


def tags_of(values: Iterable[Any]) -> tuple[str, ...]:
    """Each label once, without empty ones; the first MAX_TAGS."""
    found: dict[str, None] = {}
    for value in values:
        if tag := text_of(value)[:MAX_TAG_LENGTH]:
            found[tag] = None
        if len(found) == MAX_TAGS:
            break
    return tuple(found)
