"""Which pictures become strangers, as far as that needs no package."""

from pathlib import Path

import pytest
from PIL import Image
from tests.detection import debian, strangers
from tests.detection.strangers import Stranger
from tests.hashing.pictures import photograph


def stamp(path: Path, size: tuple[int, int] = (240, 160), plain: bool = False) -> Stranger:
    """A picture whose lowest rows are transparent: their colour is stored, and not seen."""
    picture = Image.new("RGB", size, "grey") if plain else photograph("coffee").resize(size)
    opaque = Image.new("L", size, 255)
    opaque.paste(0, (0, size[1] - 8, *size))
    picture.putalpha(opaque)
    path.parent.mkdir(exist_ok=True)
    picture.save(path)
    return Stranger(path.stem, path)


def test_strangers_are_seen_on_white(tmp_path: Path) -> None:
    """What is transparent shows the page, not what is stored beneath."""
    seen = strangers._on_white(stamp(tmp_path / "cup.png").path)

    assert (seen.mode, seen.size) == ("RGB", (240, 160))
    assert seen.crop((0, 152, 240, 160)).getextrema() == ((255, 255),) * 3
    assert seen.getpixel((120, 80)) == photograph("coffee").resize((240, 160)).getpixel((120, 80))


def test_plain_and_small_strangers_are_not_listed(tmp_path: Path) -> None:
    """The same rule as for photographs, but for the size; what is listed is of every type."""
    listed = stamp(tmp_path / "cup.png").signals()

    assert {signal.type for signal in listed} >= {"sha256", "pdq", "phash", "pdq-dhash"}
    assert stamp(tmp_path / "least.png", (100, 100)).signals()
    assert not stamp(tmp_path / "small.png", (200, 99)).signals()
    assert not stamp(tmp_path / "plain.png", plain=True).signals()


def test_mirrored_twins_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are paths below the directory, in order; what is another's mirror image by its name is none of them."""
    for name in ("town/stop.png", "town/stop_mirror.png", "town/stop_flip.png", "fruit/stop.png"):
        stamp(tmp_path / name)
    monkeypatch.setattr(strangers, "STAMPS", tmp_path)
    monkeypatch.setattr(debian, "install", lambda packages: None)

    assert [stranger.name for stranger in strangers.strangers()] == ["fruit/stop", "town/stop"]
