"""Images that are listed with the photographs and have nothing to do with them: a match with one is a false positive.

They are Debian's stamps for Tux Paint: animals, fruit, coins, flags, road signs, cut out of photographs and drawn. None
is part of this repository.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tests.detection import debian
from tests.detection.list_options import listed
from tests.detection.photographs import LONGER_SIDE
from tests.detection.transforms.encoding import listed_file

from edgeward.types import MIN_PDQ_QUALITY, Signal

PACKAGE = "tuxpaint-stamps-default"
STAMPS = Path("/usr/share/tuxpaint/stamps")
MIRRORED = ("_mirror", "_flip")
"""Marks in the names of pictures that are mirror images of others."""
SHORTER_SIDE = 100
RULES = (
    f"The PNGs of Debian's {PACKAGE}, on white: animals, fruit, coins, flags and road signs, cut out of photographs or "
    "drawn. Left out are mirror images (by their names), images under "
    f"{SHORTER_SIDE} pixels on a side, and those whose PDQ has a quality under {MIN_PDQ_QUALITY}. They are listed with "
    "the photographs, by all signal types; none is made from a photograph that is tried. They are neither transformed "
    "nor looked up themselves: some are nearly identical, so a match of two of them need not be wrong."
)


@dataclass(frozen=True, slots=True)
class UnrelatedImage:
    """An image that may be listed. Its name is its path below STAMPS, which no photograph has."""

    name: str
    path: Path

    def signals(self) -> Sequence[Signal]:
        """Its listed signals: none if it is too small, or if its PDQ has too little quality."""
        picture = _on_white(self.path)
        if min(picture.size) < SHORTER_SIDE:
            return ()
        made = listed(listed_file(picture))
        return made if any(signal.type == "pdq" for signal in made) else ()


def unrelated_images() -> list[UnrelatedImage]:
    """All of them by name, those without listed signals included.

    Raises:
        UserError: their package is missing and cannot be installed.
    """
    debian.install((PACKAGE,))
    paths = (path for path in sorted(STAMPS.rglob("*.png")) if not any(mark in path.name for mark in MIRRORED))
    return [UnrelatedImage(str(path.relative_to(STAMPS).with_suffix("")), path) for path in paths]


def _on_white(path: Path) -> Image.Image:
    """The picture as it looks on a white page, no larger than photographs are."""
    with Image.open(path) as image:
        picture = image.convert("RGBA")
    page = Image.new("RGBA", picture.size, "white")
    page.alpha_composite(picture)
    seen = page.convert("RGB")
    seen.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    return seen
