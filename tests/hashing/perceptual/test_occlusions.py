"""What may be covered is inpainted from what is around it."""

import numpy as np
import pytest

from edgeward.hashing.perceptual.luma import Floats
from edgeward.hashing.perceptual.occlusions import Occlusion, inpainted, occlusions, without_occlusions

SAMPLES = np.random.default_rng(4).uniform(0, 255, (64, 64)).astype(np.float32)
ASPECTS = (0.002, 0.5, 0.75, 1, 1.5, 3, 500)


def mask(occlusion: Occlusion) -> Floats:
    """1 where a sample is covered."""
    made = np.zeros((64, 64), dtype=np.float32)
    made[slice(*occlusion.down), slice(*occlusion.across)] = 1
    return made


@pytest.mark.parametrize("aspect", ASPECTS)
def test_only_what_is_covered_changes(aspect: float) -> None:
    """Each variant equals the picture outside its occlusion, which is neither empty nor everything."""
    for occlusion, made in zip(occlusions(aspect), without_occlusions(SAMPLES, aspect), strict=True):
        assert 0 < mask(occlusion).sum() < 64 * 64
        assert np.array_equal(made == SAMPLES, mask(occlusion) == 0)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_covered_samples_have_no_influence(aspect: float) -> None:
    """Covered samples do not influence the result, which is no darker or lighter than the rest."""
    for occlusion in occlusions(aspect):
        shown = inpainted(SAMPLES, occlusion, aspect)
        assert np.array_equal(inpainted(SAMPLES + 1000 * mask(occlusion), occlusion, aspect), shown)
        assert SAMPLES.min() - 0.5 <= shown.min() <= shown.max() <= SAMPLES.max() + 0.5


def test_a_gradient_is_restored() -> None:
    """A linear gradient is restored exactly if all samples around the occlusion are known."""
    slope = np.add.outer(3 * np.arange(64), np.arange(64)).astype(np.float32)
    assert np.allclose(inpainted(slope, Occlusion((20, 41), (10, 30)), 1.5), slope, atol=0.05)


def test_each_sample_is_the_mean_of_its_neighbours() -> None:
    """Neighbours across weigh more or less than those down, by the aspect; beyond the edges there are none."""
    made = inpainted(SAMPLES, Occlusion((40, 64), (50, 64)), 2.0)
    around = np.pad(made, 1, "edge")
    means = (around[:-2, 1:-1] + around[2:, 1:-1] + (around[1:-1, :-2] + around[1:-1, 2:]) / 4) / 2.5
    assert np.allclose(made[50:, 40:], means[50:, 40:], atol=0.05)


def test_squares_are_squares_in_pixels() -> None:
    """In a picture of 3 : 2 corners and patches are 3/2 as many samples high as wide, to a sample."""
    for (left, right), (top, bottom) in occlusions(1.5):
        if 64 not in (right - left, bottom - top):
            assert abs((bottom - top) - 1.5 * (right - left)) <= 1.5


def test_no_side_is_favoured() -> None:
    """Mirrored or transposed, the occlusions of a square are the same, to a sample."""
    spans = np.array(occlusions(1))
    for changed in (64 - spans[:, :, ::-1], spans[:, ::-1]):
        apart = np.abs(changed[:, None] - spans[None]).max(axis=(2, 3))
        assert apart.min(axis=1).max() <= 1
