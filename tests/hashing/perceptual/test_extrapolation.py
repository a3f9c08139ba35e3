"""Luma continues beyond its edges as photographs do on average."""

import numpy as np

from edgeward.hashing.perceptual.extrapolation import extrapolated

RANDOM = np.random.default_rng(4)


def test_known_pixels_are_unchanged() -> None:
    """The luma is in the middle, unchanged, with the margin on each side."""
    luma = RANDOM.uniform(0, 255, (30, 50)).astype(np.float32)
    extended = extrapolated(luma, 7)
    assert extended.shape == (44, 64)
    assert np.array_equal(extended[7:-7, 7:-7], luma)


def test_the_mean_of_an_edge_goes_on_and_its_waves_fade() -> None:
    """Far from an edge rows have little but its mean; near it they are nearly the edge."""
    luma = RANDOM.uniform(0, 255, (64, 64)).astype(np.float32)
    extended = extrapolated(luma, 16)
    below = extended[-16:, 16:-16]
    assert np.allclose(below.mean(axis=1), luma[-1].mean(), atol=0.01)
    contrast = below.std(axis=1)
    assert (np.diff(contrast) < 0).all()
    assert contrast[0] < luma[-1].std()


def test_one_wave_fades_as_it_should() -> None:
    """A wave of 5 half periods along an edge of 40 pixels keeps a share of exp(-5 pi 3 / 40) 3 pixels from it."""
    wave = np.cos(np.pi * 5 * (np.arange(40) + 0.5) / 40).astype(np.float32)
    extended = extrapolated(np.tile(wave, (20, 1)), 3)
    assert np.allclose(extended[0, 3:-3], wave * np.exp(-5 * np.pi * 3 / 40), atol=1e-4)
    assert np.allclose(extended[-1, 3:-3], extended[0, 3:-3])


def test_no_side_is_favoured() -> None:
    """A mirrored picture has a mirrored extrapolation."""
    luma = RANDOM.uniform(0, 255, (32, 24)).astype(np.float32)
    extended = extrapolated(luma, 5)
    assert np.allclose(extrapolated(luma[::-1], 5), extended[::-1], atol=0.01)
    assert np.allclose(extrapolated(luma[:, ::-1], 5), extended[:, ::-1], atol=0.01)
