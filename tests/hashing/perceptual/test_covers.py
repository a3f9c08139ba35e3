"""What may be covered is continued from what is around it."""

import numpy as np
import pytest

from edgeward.hashing.perceptual.covers import Cover, covers, filled, uncovered
from edgeward.hashing.perceptual.luma import Floats

SAMPLES = np.random.default_rng(4).uniform(0, 255, (64, 64)).astype(np.float32)
ASPECTS = (0.002, 0.5, 0.75, 1, 1.5, 3, 500)


def mask(cover: Cover) -> Floats:
    """1 where a sample is covered."""
    made = np.zeros((64, 64), dtype=np.float32)
    made[slice(*cover.down), slice(*cover.across)] = 1
    return made


@pytest.mark.parametrize("aspect", ASPECTS)
def test_only_what_is_covered_changes(aspect: float) -> None:
    """Each variant equals the picture but for its cover, of which some is left and some is not."""
    for cover, made in zip(covers(aspect), uncovered(SAMPLES, aspect), strict=True):
        assert 0 < mask(cover).sum() < 64 * 64
        assert np.array_equal(made == SAMPLES, mask(cover) == 0)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_nothing_shows_through(aspect: float) -> None:
    """What lies under a cover makes no difference, and what is made of the rest is no darker or lighter than it."""
    for cover in covers(aspect):
        shown = filled(SAMPLES, cover, aspect)
        assert np.array_equal(filled(SAMPLES + 1000 * mask(cover), cover, aspect), shown)
        assert SAMPLES.min() - 0.5 <= shown.min() <= shown.max() <= SAMPLES.max() + 0.5


def test_a_slope_goes_on_within() -> None:
    """What rises evenly is put back as it was where all around the cover is known."""
    slope = np.add.outer(3 * np.arange(64), np.arange(64)).astype(np.float32)
    assert np.allclose(filled(slope, Cover((20, 41), (10, 30)), 1.5), slope, atol=0.05)


def test_each_sample_is_the_mean_of_its_neighbours() -> None:
    """Across neighbours are nearer or farther than down, as the aspect has it; beyond the edges there are none."""
    made = filled(SAMPLES, Cover((40, 64), (50, 64)), 2.0)
    around = np.pad(made, 1, "edge")
    means = (around[:-2, 1:-1] + around[2:, 1:-1] + (around[1:-1, :-2] + around[1:-1, 2:]) / 4) / 2.5
    assert np.allclose(made[50:, 40:], means[50:, 40:], atol=0.05)


def test_squares_are_squares_in_pixels() -> None:
    """Of a picture of 3 : 2 the corners and patches are 3/2 as many samples high as wide, to a sample."""
    for (left, right), (top, bottom) in covers(1.5):
        if 64 not in (right - left, bottom - top):
            assert abs((bottom - top) - 1.5 * (right - left)) <= 1.5


def test_no_side_is_favoured() -> None:
    """Mirrored or transposed, the covers of a square are the same, to a sample."""
    spans = np.array(covers(1))
    for changed in (64 - spans[:, :, ::-1], spans[:, ::-1]):
        apart = np.abs(changed[:, None] - spans[None]).max(axis=(2, 3))
        assert apart.min(axis=1).max() <= 1
