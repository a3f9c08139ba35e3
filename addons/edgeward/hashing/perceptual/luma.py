"""The luma of a picture as floats: converted once if the picture is small, else a strip at a time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float32]
type Luma8 = NDArray[np.uint8]
"""Height x width, levels 0..255."""

_MAX_PIXELS_AS_FLOATS = 4 * 1024 * 1024
"""Pictures of up to this many pixels are kept as floats. Drafted ones are smaller, unless they are very long."""
_PIXELS_PER_STRIP = 256 * 1024


class Luma:
    """The luma of one picture, for several hashes. Values are 0..255; rows count from the top."""

    def __init__(self, levels: Luma8) -> None:
        self.height, self.width = levels.shape
        self._levels = levels
        self._floats = self._convert(0, self.height) if self.width * self.height <= _MAX_PIXELS_AS_FLOATS else None

    @property
    def is_in_memory(self) -> bool:
        """Whether all rows are floats already, so that `rows` costs nothing."""
        return self._floats is not None

    def rows(self, top: int, bottom: int) -> Floats:
        """The rows from `top` up to `bottom`, (bottom - top) x width. Do not write to them."""
        return self._convert(top, bottom) if self._floats is None else self._floats[top:bottom]

    def strips(self) -> Iterator[Floats]:
        """All rows, strip by strip; in one piece if they are in memory."""
        count = self.height if self.is_in_memory else max(1, _PIXELS_PER_STRIP // self.width)
        for top in range(0, self.height, count):
            yield self.rows(top, min(top + count, self.height))

    def _convert(self, top: int, bottom: int) -> Floats:
        return self._levels[top:bottom].astype(np.float32)
