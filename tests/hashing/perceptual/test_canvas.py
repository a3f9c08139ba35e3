"""Luma goes on beyond its edges as photographs do on average."""

import numpy as np

from edgeward.hashing.perceptual.canvas import continued

RANDOM = np.random.default_rng(4)


def test_what_is_known_stays_as_it_is() -> None:
    """The luma lies in the middle of the canvas, untouched, with the margin on each side."""
    luma = RANDOM.uniform(0, 255, (30, 50)).astype(np.float32)
    canvas = continued(luma, 7)
    assert canvas.shape == (44, 64)
    assert np.array_equal(canvas[7:-7, 7:-7], luma)


def test_the_mean_of_an_edge_goes_on_and_its_waves_fade() -> None:
    """Rows far from an edge have its mean and little else; those beside it are nearly the edge."""
    luma = RANDOM.uniform(0, 255, (64, 64)).astype(np.float32)
    canvas = continued(luma, 16)
    below = canvas[-16:, 16:-16]
    assert np.allclose(below.mean(axis=1), luma[-1].mean(), atol=0.01)
    contrast = below.std(axis=1)
    assert (np.diff(contrast) < 0).all()
    assert contrast[0] < luma[-1].std()


def test_one_wave_fades_as_it_should() -> None:
    """A wave of 5 half periods along an edge of 40 pixels is exp(-5 pi 3 / 40) of itself 3 pixels from it."""
    wave = np.cos(np.pi * 5 * (np.arange(40) + 0.5) / 40).astype(np.float32)
    canvas = continued(np.tile(wave, (20, 1)), 3)
    assert np.allclose(canvas[0, 3:-3], wave * np.exp(-5 * np.pi * 3 / 40), atol=1e-4)
    assert np.allclose(canvas[-1, 3:-3], canvas[0, 3:-3])


def test_no_side_is_favoured() -> None:
    """A mirrored picture has a mirrored canvas."""
    luma = RANDOM.uniform(0, 255, (32, 24)).astype(np.float32)
    canvas = continued(luma, 5)
    assert np.allclose(continued(luma[::-1], 5), canvas[::-1], atol=0.01)
    assert np.allclose(continued(luma[:, ::-1], 5), canvas[:, ::-1], atol=0.01)
