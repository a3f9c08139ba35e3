"""The cosine transform is SciPy's in every bit, and loads nothing else of SciPy."""

import subprocess
import sys
from pathlib import Path

import imagehash
import numpy as np
import pytest
import scipy.fftpack
from numpy.typing import NDArray
from PIL import Image

from edgeward.hashing.decoding.images import Picture
from edgeward.hashing.perceptual.cosine_transform import MODULES, compiled_module, cosine_transform, transform
from edgeward.hashing.perceptual.hashes import perceptual_signals
from edgeward.hashing.perceptual.source_image import SourceImage
from edgeward.types import View

ADDONS = str(Path(__file__).parents[3] / "addons")


def drawings() -> list[NDArray[np.uint8]]:
    """Noise, and what makes frequencies of exactly 0, or nearly: flat, striped and symmetric pictures, two colours."""
    noise = np.random.default_rng(7).integers(0, 256, (64, 32, 32), dtype=np.uint8)
    flat = [np.full((32, 32), grey, np.uint8) for grey in range(0, 256, 17)]
    striped = [np.tile(each[:1], (32, 1)) for each in noise[:16]]
    mirrored = [np.maximum(each, each[::-1]) for each in noise[:16]]
    turned = [np.maximum(each, each.T) for each in noise[:16]]
    two_colours = [each // 128 * 255 for each in noise[:16]]
    return [*noise, *flat, *striped, *(each.T for each in striped), *mirrored, *turned, *two_colours]


def test_the_values_are_those_of_scipy() -> None:
    """Bit for bit: a frequency near zero is above or below the median by its last bit."""
    for pixels in drawings():
        expected = scipy.fftpack.dct(scipy.fftpack.dct(pixels, axis=0), axis=1)
        assert cosine_transform(cosine_transform(pixels, 0), 1).tobytes() == expected.tobytes()


def test_phash_is_that_of_imagehash() -> None:
    """Also of pictures that have hardly any detail, in which every bit hangs on rounding."""
    for pixels in drawings():
        image = Image.fromarray(np.repeat(np.repeat(pixels, 2, 0), 2, 1))
        (found,) = perceptual_signals(SourceImage(Picture(image, 1, image.size)), ("phash",), View.STORED)
        assert found.value == str(imagehash.phash(image))


def test_another_scipy_is_used_by_its_public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that has no compiled module of a known name gives the same values, only slower."""
    monkeypatch.setattr("edgeward.hashing.perceptual.cosine_transform.MODULES", ("scipy.fft.no_such_module",))
    assert compiled_module() is None
    for pixels in drawings()[:4]:
        assert transform(None)(pixels, 0).tobytes() == cosine_transform(pixels, 0).tobytes()


def test_nothing_else_of_scipy_is_loaded() -> None:
    """Not with the hashes, which a hasher imports; and who imports SciPy later gets a whole one."""
    code = (
        "import sys, edgeward.hashing.perceptual.hashes; print(*(n for n in sys.modules if n.startswith('scipy')))\n"
        "import scipy.fftpack; print(*scipy.fftpack.dct([1.0, 1.0]))"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ADDONS}, capture_output=True, text=True)
    loaded, values = done.stdout.splitlines()
    assert (loaded in MODULES, values, done.stderr) == (True, "4.0 0.0", "")
