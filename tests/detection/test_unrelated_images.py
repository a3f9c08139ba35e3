"""Which images are listed as unrelated, as far as that needs no package."""

from pathlib import Path

import pytest
from PIL import Image
from tests.detection import debian, unrelated_images
from tests.detection.unrelated_images import UnrelatedImage
from tests.hashing.pictures import photograph


def stamp(path: Path, size: tuple[int, int] = (240, 160), plain: bool = False) -> UnrelatedImage:
    """A picture whose lowest rows are transparent: their colour is stored but not visible."""
    picture = Image.new("RGB", size, "grey") if plain else photograph("coffee").resize(size)
    opaque = Image.new("L", size, 255)
    opaque.paste(0, (0, size[1] - 8, *size))
    picture.putalpha(opaque)
    path.parent.mkdir(exist_ok=True)
    picture.save(path)
    return UnrelatedImage(path.stem, path)


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    """A transparent pixel shows the page, not its stored colour."""
    seen = unrelated_images._on_white(stamp(tmp_path / "cup.png").path)

    assert (seen.mode, seen.size) == ("RGB", (240, 160))
    assert seen.crop((0, 152, 240, 160)).getextrema() == ((255, 255),) * 3
    assert seen.getpixel((120, 80)) == photograph("coffee").resize((240, 160)).getpixel((120, 80))


def test_plain_and_small_images_are_not_listed(tmp_path: Path) -> None:
    """The same rule as for photographs, except for the size; the listed signals are of every type."""
    listed = stamp(tmp_path / "cup.png").signals()

    assert {signal.type for signal in listed} >= {"sha256", "pdq", "phash", "pdq-dhash"}
    assert stamp(tmp_path / "least.png", (100, 100)).signals()
    assert not stamp(tmp_path / "small.png", (200, 99)).signals()
    assert not stamp(tmp_path / "plain.png", plain=True).signals()


def test_mirror_images_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are paths below the directory, in order; mirror images, by their names, are left out."""
    for name in ("town/stop.png", "town/stop_mirror.png", "town/stop_flip.png", "fruit/stop.png"):
        stamp(tmp_path / name)
    monkeypatch.setattr(unrelated_images, "STAMPS", tmp_path)
    monkeypatch.setattr(debian, "install", lambda packages: None)

    assert [unrelated.name for unrelated in unrelated_images.unrelated_images()] == ["fruit/stop", "town/stop"]
