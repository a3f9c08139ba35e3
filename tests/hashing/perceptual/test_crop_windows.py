"""A window has the PDQ of the picture that it shows."""

import numpy as np
import pytest
from PIL import Image
from tests.hashing.pictures import PHOTOGRAPHS, distance, photograph

from edgeward.hashing.perceptual.crop_windows import (
    CropWindow,
    pdq_values,
    sample_frequencies,
    samples_shift,
    window_frequencies,
    window_samples,
)
from edgeward.hashing.perceptual.pdq import pdq


def grey(name: str, size: tuple[int, int]) -> Image.Image:
    return photograph(name).convert("L").resize(size, Image.Resampling.LANCZOS)


def luma(picture: Image.Image) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.asarray(picture, dtype=np.float32)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_window_has_the_hash_of_the_part_that_it_shows(name: str) -> None:
    """Parts of a photograph, cut out and hashed by `pdq` or as windows of the whole: within 10 bits."""
    whole = grey(name, (640, 640))
    boxes = [(0, 0, 640, 640), (0, 0, 512, 640), (64, 32, 576, 544), (128, 128, 512, 640)]
    windows = []
    for left, top, right, bottom in boxes:
        across, down = samples_shift(right - left), samples_shift(bottom - top)
        windows.append(CropWindow((left + across, right + across), (top + down, bottom + down)))
    found = pdq_values(window_frequencies(luma(whole), windows))
    for value, box in zip(found, boxes, strict=True):
        assert distance(value, pdq(whole.crop(box)).value) <= 10


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_window_beyond_the_edges_is_hashed_as_padded(name: str) -> None:
    """The hash of a window equals that of the array padded by as much, made by `pdq`, within 6 bits."""
    extended = np.pad(luma(grey(name, (512, 512))), 64, "edge")
    shift = samples_shift(576)
    window = CropWindow((64 + shift, 640 + shift), (0 + shift, 576 + shift))
    (value,) = pdq_values(window_frequencies(extended, [window]))
    padded = Image.fromarray(extended[:576, 64:].astype(np.uint8))
    assert padded.size == (576, 576)
    assert distance(value, pdq(padded).value) <= 6


def test_windows_of_the_same_extent_share_a_product() -> None:
    """Many windows at once have exactly the values that each has alone."""
    extended = luma(grey("coffee", (192, 128)))
    windows = [CropWindow((left, 160.0), (top, 128.0)) for left in (0.0, 8.5, 16.0) for top in (0.0, 16.25)]
    together = pdq_values(window_frequencies(extended, windows))
    assert len(set(together)) == len(windows)
    for window, value in zip(windows, together, strict=True):
        assert distance(value, pdq_values(window_frequencies(extended, [window]))[0]) <= 1


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_values_are_the_bits_of_the_reference(name: str) -> None:
    """64 x 64 pixels are their own samples: the value is `pdq`'s in every bit, except for ties."""
    picture = grey(name, (64, 64))
    (value,) = pdq_values(sample_frequencies(luma(picture)[None]))
    assert distance(value, pdq(picture).value) <= 1


def test_samples_have_the_frequencies_of_their_window() -> None:
    """Sampling first or not gives the same value."""
    extended, window = luma(grey("coffee", (192, 128))), CropWindow((8.5, 160.0), (16.25, 128.0))
    (value,) = pdq_values(sample_frequencies(window_samples(extended, window)[None]))
    assert distance(value, pdq_values(window_frequencies(extended, [window]))[0]) <= 1


def test_no_frequencies_have_no_values() -> None:
    """No frequencies give no values."""
    assert pdq_values(np.empty((0, 16, 16), dtype=np.float32)) == []


@pytest.mark.parametrize(("length", "pixels"), [(64, 0), (128, 0.5), (256, 1.5), (384, 0.5), (512, 1.5), (4096, 1.5)])
def test_where_the_reference_samples(length: int, pixels: float) -> None:
    """Boxes of an even number of pixels are half a pixel late, in each of two passes."""
    assert samples_shift(length) == pixels
