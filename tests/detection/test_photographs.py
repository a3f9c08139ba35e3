"""Where photographs come from, as far as that needs no network."""

import pytest
from PIL import Image
from tests.detection import debian, photographs
from tests.detection.photographs import SCIKIT_IMAGE, Photograph
from tests.hashing.pictures import photograph

from edgeward.errors import UserError


def test_plain_and_small_pictures_are_not_usable() -> None:
    """A picture with a PDQ of too little quality cannot be listed; a tenth of a small one would not be hashed."""
    assert Photograph("coffee", "", photograph("coffee")).usable
    assert Photograph("grey", "", Image.new("RGB", (200, 200), "grey")).reason_unusable == "too plain"
    assert Photograph("detail", "", photograph("coffee").resize((200, 169))).reason_unusable == "too small"
    assert Photograph("detail", "", photograph("coffee").resize((200, 170))).usable


def test_renderings_are_told_by_their_package() -> None:
    """Not by their results."""
    assert Photograph("grid", "gnome-backgrounds 43.1-1", photograph("coffee")).rendered
    assert not Photograph("Dune", "mate-backgrounds 1.26.0-1", photograph("coffee")).rendered


def test_pictures_of_the_wheel_exist_and_are_not_too_large() -> None:
    """Every named picture of scikit-image is in its wheel."""
    for name in SCIKIT_IMAGE:
        picture = photographs._opened(photographs._scikit_image() / name)
        assert picture.mode == "RGB"
        assert max(picture.size) <= photographs.LONGER_SIDE


def test_what_cannot_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who may not install packages gets the command that does."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(UserError, match="sudo apt-get install no-such-backgrounds"):
        debian.install(("no-such-backgrounds",))
