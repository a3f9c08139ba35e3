"""Copies that somebody wrote on: a caption moves a PDQ beyond its radius, and a joint value finds them."""

from collections.abc import Iterator

import pytest
import skimage.data
from PIL import Image, ImageDraw

from edgeward.demo.photos import Photo, encoded
from edgeward.demo.stage import Stage

LIST = "written-on"


@pytest.fixture
def written_on(front: Stage) -> Iterator[Stage]:
    """With an empty list of its own."""
    front.edge.create_list(LIST)
    yield front
    front.edge.api("DELETE", f"/lists/{LIST}")


def photograph(name: str) -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)()).convert("RGB").resize((480, 360))


def captioned(picture: Image.Image, name: str) -> Photo:
    """With a black bar of a tenth of its height below, on which something is written."""
    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    top = copy.height - copy.height // 10
    draw.rectangle((0, top, copy.width, copy.height), "black")
    draw.text((20, top + 8), "whatever somebody had to say about it", "white", font_size=20)
    return Photo(f"{LIST}-{name}.jpg", encoded(copy, "JPEG", 85), "image/jpeg")


def status(stage: Stage, photo: Photo) -> int:
    stage.serve(photo)
    return stage.get(photo.path).status


def add(stage: Stage, picture: Image.Image, signals: str, more: str = "") -> list[str]:
    """List a picture by these types; the notes that came of it."""
    path = f"/lists/{LIST}/entries?signals={signals}{more}"
    notes: list[str] = stage.edge.api("POST", path, body=encoded(picture, "PNG", 0))["notes"]
    return notes


def test_a_captioned_copy_is_blocked_by_a_joint_value(written_on: Stage) -> None:
    """Its PDQ alone does not find it; with the joint value listed too it is blocked, and other photographs are not."""
    original = photograph("coffee")
    copy, other = captioned(original, "coffee"), captioned(photograph("astronaut"), "astronaut")
    assert add(written_on, original, "sha256,pdq") == []
    assert [status(written_on, photo) for photo in (copy, other)] == [200, 200]
    assert add(written_on, original, "pdq-dhash") == []
    assert [status(written_on, photo) for photo in (copy, other)] == [451, 200]


def test_a_captioned_copy_that_was_served_goes_when_its_original_is_listed(written_on: Stage) -> None:
    """What was seen is matched backwards with a joint value too: by its PDQ alone it stays."""
    original = photograph("retina")
    copy, other = captioned(original, "retina"), captioned(photograph("rocket"), "rocket")
    assert [status(written_on, photo) for photo in (copy, other)] == [200, 200]
    assert all(written_on.held(photo.path) for photo in (copy, other))
    add(written_on, original, "sha256,pdq", "&wait=verified&timeout=30")
    assert all(written_on.held(photo.path) for photo in (copy, other))
    add(written_on, original, "pdq-dhash", "&wait=verified&timeout=30")
    assert [written_on.held(photo.path) for photo in (copy, other)] == [False, True]
