"""Luma as floats equals the picture's pixels, in memory or strip by strip."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image
from tests.hashing.pictures import noise

from edgeward.hashing.perceptual.luma import Luma

SMALL, LARGE = (300, 200), (2500, 1700)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_values_are_those_of_the_picture(size: tuple[int, int]) -> None:
    """All strips together, and any rows, are the picture's pixels."""
    picture = noise((90, 60)).convert("L").resize(size)
    luma, values = Luma(np.asarray(picture)), np.asarray(picture)
    assert (np.concatenate(list(luma.strips())) == values).all()
    assert (luma.rows(17, 60) == values[17:60]).all()
    assert luma.rows(17, 60).dtype == np.float32


def test_small_pictures_are_converted_once() -> None:
    """Rows of a small picture are views of one array; those of a large one are not cached."""
    small, large = (Luma(np.asarray(Image.new("L", size))) for size in (SMALL, LARGE))
    assert (small.is_in_memory, large.is_in_memory) == (True, False)
    assert np.shares_memory(small.rows(0, 10), small.rows(5, 20))
    assert not np.shares_memory(large.rows(0, 10), large.rows(5, 20))


def test_large_pictures_are_never_floats_as_a_whole() -> None:
    """50 megapixels, which as floats are 200 MB, are read with a few MB."""
    levels = np.asarray(Image.new("L", (10_000, 5_000)))
    tracemalloc.start()
    try:
        assert sum(len(strip) for strip in Luma(levels).strips()) == 5_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000
