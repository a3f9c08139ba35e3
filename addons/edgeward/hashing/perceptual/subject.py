"""A picture that is being hashed: what several of its hashes are made of is made once."""

from collections.abc import Collection, Iterator
from functools import cached_property

import numpy as np
from PIL import Image

from edgeward.hashing.decoding.images import Picture
from edgeward.hashing.perceptual import pdq
from edgeward.hashing.perceptual.borders import inner_boxes
from edgeward.hashing.perceptual.lanczos import resize
from edgeward.hashing.perceptual.luma import Luma, Luma8

MIN_SIDE = 17
"""Pictures with a side of fewer pixels have no perceptual signals: tracking pixels and spacers all look alike.

From 16 pixels PDQ would pick each of its 64 samples four times, and its highest frequencies would be rounding noise."""

_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What shows a picture as its EXIF orientation says (Exif 2.32, tag 274). Rotations are counter-clockwise."""


class Subject:
    """One picture, the whole of a frame or what lies within its borders, as several hashes want it."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    @property
    def too_small(self) -> bool:
        return min(self.picture.size) < MIN_SIDE

    @cached_property
    def pdq(self) -> pdq.Pdq:
        image, scale, size = self.picture[:3]
        return pdq.pdq(image, scale, size, self._luma)

    def turned(self, orientations: Collection[int]) -> dict[int, str]:
        """The PDQ as shown with each of these EXIF orientations."""
        image, scale, size = self.picture[:3]
        return pdq.turned(image, scale, size, self._luma, orientations=orientations)

    def resized(self, size: tuple[int, int], orientation: int = 1) -> Image.Image:
        """The first step of imagehash, for which it then has nothing left to do: grey, shown with this orientation.

        Done here since a drafted picture's last pixels may stand for less than `scale` of the original's.
        """
        width, height = (side / self.picture.scale for side in self.picture.size)
        wanted = size[::-1] if orientation > 4 else size
        if self._luma:
            small = resize(self._luma, wanted, (width, height))
        else:
            small = self._grey.resize(wanted, Image.Resampling.LANCZOS, (0, 0, width, height))
        return turn(small, orientation)

    def shown(self, orientation: int) -> Picture:
        """The picture turned as this EXIF orientation says."""
        size = self.picture.size[::-1] if orientation > 4 else self.picture.size
        return self.picture._replace(image=turn(self.picture.image, orientation), size=size)

    def inner(self) -> Iterator["Subject"]:
        """What may be the picture proper within a border, if there is one."""
        image, scale, (width, height) = self.picture[:3]
        for box in inner_boxes(self._levels, MIN_SIDE):
            left, top, right, bottom = (side * scale for side in box)
            size = (min(right, width) - left, min(bottom, height) - top)
            yield Subject(self.picture._replace(image=image.crop(box), size=size))

    @cached_property
    def _luma(self) -> Luma | None:
        """That of a draft, for which hashes that are nearly the libraries' will do."""
        return Luma(self._levels) if self.picture.drafted else None

    @cached_property
    def _levels(self) -> Luma8:
        return np.asarray(self._grey)

    @cached_property
    def _grey(self) -> Image.Image:
        image = self.picture.image
        return image if image.mode == "L" else image.convert("L")


def turn(image: Image.Image, orientation: int) -> Image.Image:
    """`image` as it is shown with this EXIF orientation (1 to 8)."""
    return image.transpose(_TURN[orientation]) if orientation in _TURN else image
