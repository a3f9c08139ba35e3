"""A WebP that was cut off is made whole as far as it goes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.hashing.pictures import animated, encoded, photograph

from edgeward.hashing.decoding.webp import mended


def cut(body: bytes, share: float) -> bytes:
    return body[: int(len(body) * share)]


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"), dtype=int)


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}, {"quality": 80, "exif": b"Exif\0\0some"}])
def test_the_upper_part_is_there(options: dict[str, object]) -> None:
    """Of a still the beginning is shown, as in a browser."""
    picture = photograph().resize((256, 256))
    body = cut(encoded(picture, "WEBP", **options), 0.75)
    with pytest.raises(OSError):
        Image.open(io.BytesIO(body))
    found = Image.open(io.BytesIO(mended(body)))
    assert np.abs(levels(found)[:96] - levels(picture)[:96]).mean() < 12


def test_a_frame_that_was_cut_off_is_left_out() -> None:
    """Of an animation the frames before the cut are left."""
    body = animated([photograph(name).resize((96, 64)) for name in ("astronaut", "coffee", "chelsea")], "WEBP")
    assert getattr(Image.open(io.BytesIO(mended(cut(body, 0.9)))), "n_frames", 0) == 2


def test_a_whole_file_stays_as_it_is() -> None:
    """Nothing is missing, nothing is changed, not even what follows the file."""
    body = encoded(photograph().resize((64, 64)), "WEBP")
    assert mended(body) == body
    assert mended(body + b"more") == body + b"more"


def test_a_promise_is_not_kept_at_any_price() -> None:
    """A chunk that says it has 4 GB gets no more than what is there once again."""
    body = b"RIFF\xff\xff\xff\xffWEBPVP8 \xf0\xff\xff\xff" + bytes(1000)
    assert len(mended(body)) == 2 * len(body)


@given(st.binary(max_size=80))
def test_any_bytes_can_be_mended(body: bytes) -> None:
    """Hostile containers raise nothing, and at most double."""
    body = b"RIFF\x60\0\0\0WEBP" + body
    assert len(mended(body)) <= 2 * len(body)
