"""A cut-off WebP is repaired as far as possible."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.hashing.pictures import animated, encoded, photograph

from edgeward.hashing.decoding.webp import repaired


def cut(body: bytes, share: float) -> bytes:
    return body[: int(len(body) * share)]


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"), dtype=int)


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}, {"quality": 80, "exif": b"Exif\0\0some"}])
def test_the_upper_part_is_there(options: dict[str, object]) -> None:
    """The upper part of a still picture is shown, as in a browser."""
    picture = photograph().resize((256, 256))
    body = cut(encoded(picture, "WEBP", **options), 0.75)
    with pytest.raises(OSError):
        Image.open(io.BytesIO(body))
    found = Image.open(io.BytesIO(repaired(body)))
    assert np.abs(levels(found)[:96] - levels(picture)[:96]).mean() < 12


def test_a_cut_off_frame_is_dropped() -> None:
    """An animation keeps the frames before the cut."""
    body = animated([photograph(name).resize((96, 64)) for name in ("astronaut", "coffee", "chelsea")], "WEBP")
    assert getattr(Image.open(io.BytesIO(repaired(cut(body, 0.9)))), "n_frames", 0) == 2


def test_a_whole_file_stays_as_it_is() -> None:
    """A whole file is unchanged, with any bytes after it."""
    body = encoded(photograph().resize((64, 64)), "WEBP")
    assert repaired(body) == body
    assert repaired(body + b"more") == body + b"more"


def test_padding_is_limited() -> None:
    """A chunk that declares 4 GB at most doubles the file."""
    body = b"RIFF\xff\xff\xff\xffWEBPVP8 \xf0\xff\xff\xff" + bytes(1000)
    assert len(repaired(body)) == 2 * len(body)


@given(st.binary(max_size=80))
def test_any_bytes_can_be_repaired(body: bytes) -> None:
    """Hostile containers raise nothing, and at most double."""
    body = b"RIFF\x60\0\0\0WEBP" + body
    assert len(repaired(body)) <= 2 * len(body)
