"""The photographs that are transformed: where they come from, and how they are chosen.

None is part of this repository. scikit-image's and scikit-learn's come from their wheels, the others from Debian.
"""

import importlib.util
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from PIL import Image
from tests.detection import debian
from tests.detection.transforms.encoding import listed_file

from edgeward.errors import UserError
from edgeward.hashing.perceptual.pdq import pdq
from edgeward.hashing.perceptual.source_image import MIN_SIDE
from edgeward.types import MIN_PDQ_QUALITY

LONGER_SIDE = 1024
"""Larger pictures are scaled down to it first: most pictures on the web are not larger."""

SHORTER_SIDE = 10 * MIN_SIDE
"""A tenth of it must still be hashed, or resizing to 10 % would show nothing."""

BACKGROUNDS = Path("/usr/share/backgrounds")
DEBIAN = ("gnome-backgrounds", "mate-backgrounds")
SCIKIT_LEARN = "1.9.1"
DOWNLOADED = Path(__file__).resolve().parents[2] / ".state" / "photographs"
"""Files from scikit-learn's wheel, which is too large to be installed for two files."""

SCIKIT_IMAGE = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png",
    "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "microaneurysms.png", "moon.png",
    "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg", "text.png",
)  # fmt: skip
"""All in scikit-image's wheel taken through a lens, microscopes and telescopes too; of a stereo pair the left one."""
RENDERED = "gnome-backgrounds"
"""Its pictures are rendered, however real they look: they are tried, and counted separately."""
RULES = (
    "From scikit-image every picture taken through a lens (of the stereo pair the left one), no drawings; from "
    "scikit-learn both photographs; from mate-backgrounds the directory `nature`, since the others hold drawings and "
    "logos. The WebP files of gnome-backgrounds (of a light and a dark one the light one) are rendered: they are "
    "listed and tried too, but are not photographs, and are counted separately. If a PDQ has a quality under "
    f'{MIN_PDQ_QUALITY} ("too plain"), it cannot be listed. A picture under {SHORTER_SIDE} pixels on a side '
    f'("too small") cannot be resized to 10 %, since nothing under {MIN_SIDE} pixels is hashed. Both are named below; '
    "nothing else was left out."
)


@dataclass(frozen=True)
class Photograph:
    """One picture that is listed, then transformed. `package`: where it comes from."""

    name: str
    package: str
    picture: Image.Image

    @cached_property
    def body(self) -> bytes:
        """The file that is listed."""
        return listed_file(self.picture)

    @cached_property
    def quality(self) -> int:
        """Quality of its PDQ, 0..100."""
        return pdq(self.picture)[1]

    @property
    def rendered(self) -> bool:
        return self.package.startswith(RENDERED)

    @property
    def reason_unusable(self) -> str:
        """Why it cannot be used; "": it can."""
        if self.quality < MIN_PDQ_QUALITY:
            return "too plain"
        return "too small" if min(self.picture.size) < SHORTER_SIDE else ""

    @property
    def usable(self) -> bool:
        return not self.reason_unusable


def photographs() -> list[Photograph]:
    """All of them, unusable ones included, ordered by package and name.

    Raises:
        UserError: a package is missing and can't be installed.
    """
    debian.install(DEBIAN)
    return [Photograph(name, package, _opened(path)) for name, package, path in _files()]


def _files() -> Iterator[tuple[str, str, Path]]:
    """Name, package and path of each."""
    for name in SCIKIT_IMAGE:
        path = _scikit_image() / name
        yield path.stem, f"scikit-image {version('scikit-image')}", path
    for path in _scikit_learn():
        yield path.stem, f"scikit-learn {SCIKIT_LEARN}", path
    for package, pattern in zip(DEBIAN, ("gnome/*-l.webp", "mate/nature/*.jpg"), strict=True):
        for path in sorted(BACKGROUNDS.glob(pattern)):
            yield path.stem.removesuffix("-l"), f"{package} {debian.version(package)}", path


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.draft("RGB", (LONGER_SIDE, LONGER_SIDE))
        picture = image.convert("RGB")
    picture.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    return picture


def _scikit_image() -> Path:
    package = importlib.util.find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        raise UserError("scikit-image is missing: pip install 'edgeward[demo]'")
    return Path(package.submodule_search_locations[0]) / "data"


def _scikit_learn() -> Sequence[Path]:
    """Its two photographs, read out of its wheel once."""
    wanted = tuple(DOWNLOADED / name for name in ("china.jpg", "flower.jpg"))
    if not all(path.is_file() for path in wanted):
        DOWNLOADED.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as directory:
            _download(f"scikit-learn=={SCIKIT_LEARN}", directory)
            wheel = zipfile.ZipFile(io.BytesIO(next(Path(directory).glob("*.whl")).read_bytes()))
            for path in wanted:
                path.write_bytes(wheel.read(f"sklearn/datasets/images/{path.name}"))
    return wanted


def _download(requirement: str, directory: str) -> None:
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--dest", directory)
    done = subprocess.run((sys.executable, "-m", "pip", "download", *options, requirement), check=False)
    if done.returncode:
        raise UserError(f"pip could not download {requirement}, which holds two of the photographs")
