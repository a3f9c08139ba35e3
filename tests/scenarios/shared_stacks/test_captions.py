"""Copies with a caption: it moves the PDQ beyond its radius, and a composite value (pdq-dhash) matches them."""

from collections.abc import Iterator

import pytest
import skimage.data
from PIL import Image, ImageDraw

from edgeward.demo.photos import Photo, encoded
from edgeward.demo.stack import Stack

LIST = "captions"


@pytest.fixture
def captions(front: Stack) -> Iterator[Stack]:
    """The stack with an empty list of its own."""
    front.edge.create_list(LIST)
    yield front
    front.edge.api("DELETE", f"/lists/{LIST}")


def photograph(name: str) -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)()).convert("RGB").resize((480, 360))


def captioned(picture: Image.Image, name: str) -> Photo:
    """With a line of text on a black bar over the lowest tenth."""
    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    top = copy.height - copy.height // 10
    draw.rectangle((0, top, copy.width, copy.height), "black")
    draw.text((20, top + 8), "a caption that somebody has added", "white", font_size=20)
    return Photo(f"{LIST}-{name}.jpg", encoded(copy, "JPEG", 85), "image/jpeg")


def status(stack: Stack, photo: Photo) -> int:
    stack.serve(photo)
    return stack.get(photo.path).status


def add(stack: Stack, picture: Image.Image, signals: str, more: str = "") -> list[str]:
    """List a picture by these signal types. Returns the notes of the answer."""
    path = f"/lists/{LIST}/entries?signals={signals}{more}"
    notes: list[str] = stack.edge.api("POST", path, body=encoded(picture, "PNG", 0))["notes"]
    return notes


def test_a_captioned_copy_is_blocked_by_a_composite_value(captions: Stack) -> None:
    """Its PDQ alone does not match; with the composite value listed too it is blocked, and no other photograph is."""
    original = photograph("coffee")
    copy, other = captioned(original, "coffee"), captioned(photograph("astronaut"), "astronaut")
    assert add(captions, original, "sha256,pdq") == []
    assert [status(captions, photo) for photo in (copy, other)] == [200, 200]
    assert add(captions, original, "pdq-dhash") == []
    assert [status(captions, photo) for photo in (copy, other)] == [451, 200]


def test_a_captioned_copy_is_purged_when_its_original_is_listed(captions: Stack) -> None:
    """Retromatching uses composite values too: listed by its PDQ alone, the copy stays."""
    original = photograph("retina")
    copy, other = captioned(original, "retina"), captioned(photograph("rocket"), "rocket")
    assert [status(captions, photo) for photo in (copy, other)] == [200, 200]
    assert all(captions.held(photo.path) for photo in (copy, other))
    add(captions, original, "sha256,pdq", "&wait=verified&timeout=30")
    assert all(captions.held(photo.path) for photo in (copy, other))
    add(captions, original, "pdq-dhash", "&wait=verified&timeout=30")
    assert [captions.held(photo.path) for photo in (copy, other)] == [False, True]
