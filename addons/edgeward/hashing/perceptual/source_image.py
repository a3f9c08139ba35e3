"""A picture that is being hashed, with everything that several of its hashes need computed once."""

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
"""Pictures with a shorter side have no perceptual signals: tracking pixels and spacers all look alike.

With 16 pixels or fewer PDQ samples each pixel four times or more, and its highest frequencies are rounding noise."""

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to show a picture with each EXIF orientation (Exif 2.32, tag 274). Pillow's rotations are counter-clockwise."""


class SourceImage:
    """One picture to hash: the whole of a frame, or what lies within its borders."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    @property
    def too_small(self) -> bool:
        """Whether a side is shorter than MIN_SIDE."""
        return min(self.picture.size) < MIN_SIDE

    @cached_property
    def pdq(self) -> pdq.Pdq:
        """The PDQ and quality of the picture as stored."""
        image, scale, size = self.picture[:3]
        return pdq.pdq(image, scale, size, self._luma)

    def oriented_pdqs(self, orientations: Collection[int]) -> dict[int, str]:
        """The PDQ of the picture as shown in each of these EXIF orientations."""
        image, scale, size = self.picture[:3]
        return pdq.oriented_pdqs(image, scale, size, self._luma, orientations=orientations)

    def resized(self, size: tuple[int, int], orientation: int = 1) -> Image.Image:
        """Grey, shown in this EXIF orientation, and resized to `size`: what imagehash does first.

        It is done here since the last pixels of a drafted picture may stand for fewer than `scale` of the original's.
        """
        width, height = (side / self.picture.scale for side in self.picture.size)
        stored_size = size[::-1] if orientation > 4 else size
        if self._luma:
            small = resize(self._luma, stored_size, (width, height))
        else:
            small = self._grey.resize(stored_size, Image.Resampling.LANCZOS, (0, 0, width, height))
        return oriented(small, orientation)

    def oriented(self, orientation: int) -> Picture:
        """The picture as shown in this EXIF orientation."""
        size = self.picture.size[::-1] if orientation > 4 else self.picture.size
        return self.picture._replace(image=oriented(self.picture.image, orientation), size=size)

    def inner(self) -> Iterator["SourceImage"]:
        """What lies within a border, if there is one: up to three possible answers."""
        image, scale, (width, height) = self.picture[:3]
        for box in inner_boxes(self._levels, MIN_SIDE):
            left, top, right, bottom = (side * scale for side in box)
            size = (min(right, width) - left, min(bottom, height) - top)
            yield SourceImage(self.picture._replace(image=image.crop(box), size=size))

    @cached_property
    def _luma(self) -> Luma | None:
        """The luma of a drafted picture, whose hashes may be approximate."""
        return Luma(self._levels) if self.picture.drafted else None

    @cached_property
    def _levels(self) -> Luma8:
        return np.asarray(self._grey)

    @cached_property
    def _grey(self) -> Image.Image:
        image = self.picture.image
        return image if image.mode == "L" else image.convert("L")


def oriented(image: Image.Image, orientation: int) -> Image.Image:
    """`image` as shown in this EXIF orientation (1 to 8)."""
    return image.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else image
