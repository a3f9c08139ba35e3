"""Pictures that are listed beside the photographs, and that none of those is made of: what matches one is wrong.

They are Debian's stamps for Tux Paint: animals, fruit, coins, flags, road signs, cut out of photographs and drawn. None
is part of this repository.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tests.detection import debian
from tests.detection.changes.encoding import listed_file
from tests.detection.listing import listed
from tests.detection.photographs import LONGER_SIDE

from edgeward.types import MIN_PDQ_QUALITY, Signal

PACKAGE = "tuxpaint-stamps-default"
STAMPS = Path("/usr/share/tuxpaint/stamps")
TWINS = ("_mirror", "_flip")
"""In names of pictures that are others, mirrored."""
SHORTER_SIDE = 100
RULES = (
    f"Strangers are the PNGs of Debian's {PACKAGE}, on white: animals, fruit, coins, flags and road signs, cut out of "
    "photographs or drawn. Left out are those whose names say that they are others mirrored, those under "
    f"{SHORTER_SIDE} pixels on a side, and those that PDQ finds too plain (quality under {MIN_PDQ_QUALITY}). They are "
    "listed with the photographs, by all signal types, and no photograph is made of them. They are not changed and not "
    "looked for themselves: some are nearly the same as others, so that a match of two of them need not be wrong."
)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A picture that may be listed. Its name is its path below STAMPS, so that it is no photograph's."""

    name: str
    path: Path

    def signals(self) -> Sequence[Signal]:
        """What is listed of it: nothing where it is too small or, to PDQ, too plain."""
        picture = _on_white(self.path)
        if min(picture.size) < SHORTER_SIDE:
            return ()
        made = listed(listed_file(picture))
        return made if any(signal.type == "pdq" for signal in made) else ()


def strangers() -> list[Stranger]:
    """All of them by name, those of which nothing is listed too.

    Raises:
        UserError: their package is missing and can't be installed.
    """
    debian.install((PACKAGE,))
    paths = (path for path in sorted(STAMPS.rglob("*.png")) if not any(twin in path.name for twin in TWINS))
    return [Stranger(str(path.relative_to(STAMPS).with_suffix("")), path) for path in paths]


def _on_white(path: Path) -> Image.Image:
    """As the picture is seen on a white page, no larger than a photograph may be."""
    with Image.open(path) as image:
        picture = image.convert("RGBA")
    page = Image.new("RGBA", picture.size, "white")
    page.alpha_composite(picture)
    seen = page.convert("RGB")
    seen.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    return seen
