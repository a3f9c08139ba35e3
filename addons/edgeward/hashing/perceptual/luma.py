"""The luma of a picture as floats: converted once where the picture is small, a strip at a time where it is not."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float32]
type Luma8 = NDArray[np.uint8]
"""Height x width, levels 0..255."""

_WHOLE_VALUES = 4 * 1024 * 1024
"""Up to so many pixels are kept as floats: all that a draft gives but of very long pictures."""
_STRIP_VALUES = 256 * 1024


class Luma:
    """A grey picture, of which several hashes are made. Values are 0..255, rows run from the top."""

    def __init__(self, levels: Luma8) -> None:
        self.height, self.width = levels.shape
        self._levels = levels
        self._whole = self._convert(0, self.height) if self.width * self.height <= _WHOLE_VALUES else None

    @property
    def whole(self) -> bool:
        """Whether `rows` costs nothing."""
        return self._whole is not None

    def rows(self, top: int, bottom: int) -> Floats:
        """The rows from `top` up to `bottom`, (bottom - top) x width. Not to be written to."""
        return self._convert(top, bottom) if self._whole is None else self._whole[top:bottom]

    def strips(self) -> Iterator[Floats]:
        """All rows, some at a time; at once where they are at hand."""
        count = self.height if self.whole else max(1, _STRIP_VALUES // self.width)
        for top in range(0, self.height, count):
            yield self.rows(top, min(top + count, self.height))

    def _convert(self, top: int, bottom: int) -> Floats:
        return self._levels[top:bottom].astype(np.float32)
