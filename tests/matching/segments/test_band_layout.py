"""How values are cut into bands."""

import random
from itertools import combinations

import numpy as np
import pytest
from tests.matching.segments.examples import as_values

from edgeward.matching.segments.band_layout import (
    BandLayout,
    best_layout,
    flip_masks,
    flip_masks_below,
    top_level,
)
from edgeward.matching.segments.segment_rows import words_of


@pytest.mark.parametrize("layout", [BandLayout(256, 11, 23), BandLayout(64, 3, 21), BandLayout(320, 16, 20)])
def test_bands_take_every_mth_bit(layout: BandLayout) -> None:
    """Bit j of band b is bit b + m j of the value, whether asked for one band of many rows or all bands of a few."""
    chance = random.Random(1)
    values = [chance.randbytes(layout.bits // 8) for _ in range(20)]
    digits = [f"{int.from_bytes(value):0{layout.bits}b}" for value in values]
    wanted = [
        [
            sum(int(text[band + layout.bands * place]) << place for place in range(layout.width))
            for band in range(layout.bands)
        ]
        for text in digits
    ]
    assert layout.keys(as_values(values)).tolist() == wanted
    columns = np.ascontiguousarray(words_of(as_values(values)).T)
    for band in range(layout.bands):
        assert layout.keys_of(band, columns).tolist() == [each[band] for each in wanted]


def test_masks() -> None:
    """All masks with so many bits, each once, in ascending order; those with fewer begin with none."""
    for width, flips in ((5, 0), (5, 1), (6, 3), (4, 4), (3, 5)):
        wanted = sorted(sum(1 << bit for bit in bits) for bits in combinations(range(width), flips))
        assert flip_masks(width, flips).tolist() == wanted
    assert flip_masks_below(3, 2).tolist() == [0, 1, 2, 4]
    assert flip_masks_below(3, 0).tolist() == []


@pytest.mark.parametrize(("rows", "bits"), [(1 << 15, 256), (10**6, 256), (10**7, 256), (10**7, 64), (10**6, 320)])
def test_layouts_fit_the_rows(rows: int, bits: int) -> None:
    """Bands do not overlap, their tables are at most twice as long as there are rows, and no layout is cheaper."""
    layout = best_layout(rows, bits)
    assert layout is not None
    assert layout.bands * layout.width <= bits
    assert 1 << layout.width <= 2 * rows
    radius = bits // 8 - 1
    others = [BandLayout(bits, bits // width, width) for width in range(8, layout.width + 1)]
    assert layout.cost(radius, rows) == min(other.cost(radius, rows) for other in others)


def test_ten_million_pdqs_have_eleven_bands() -> None:
    """And a few have none."""
    assert best_layout(10**7, 256) == BandLayout(256, 11, 23)
    assert best_layout(1000, 256) is None


def test_flips_are_as_few_as_the_pigeonhole_principle_allows() -> None:
    """Each band's flips plus one add up to the radius plus one."""
    for bands in range(1, 40):
        for radius in range(70):
            flips, number = top_level(bands, radius)
            assert 1 <= number <= bands
            assert number * (flips + 1) + (bands - number) * flips == radius + 1
