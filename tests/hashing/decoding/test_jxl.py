"""JPEG XL, header first and frame by frame."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFile
from tests.hashing.pictures import animated, encoded, photograph

from edgeward.hashing.decoding.jxl import JxlImageFile

PICTURES = [photograph(name).resize((96, 64)) for name in ("astronaut", "coffee", "chelsea")]


def opened(body: bytes) -> JxlImageFile:
    return JxlImageFile(io.BytesIO(body))


def test_the_header_alone_says_the_size() -> None:
    """A hundred bytes are enough to know the size, and nothing is decoded for it."""
    body = encoded(photograph().resize((640, 480)), "JXL")
    image = opened(body[:100])
    assert (image.size, image.mode) == ((640, 480), "RGB")
    with pytest.raises(OSError):
        image.load()


def test_every_frame_of_an_animation() -> None:
    """All frames in order, in full; then EOFError."""
    image = opened(animated(PICTURES, "JXL"))
    for number, picture in enumerate(PICTURES):
        image.seek(number)
        image.load()
        assert image.tell() == number
        assert (np.asarray(image) == np.asarray(picture)).all()
    with pytest.raises(EOFError):
        image.seek(len(PICTURES))


def test_a_frame_may_be_skipped() -> None:
    """A skipped frame is decoded on the way, and going back is an error."""
    image = opened(animated(PICTURES, "JXL"))
    image.seek(0)
    image.seek(1)
    image.seek(2)
    assert (np.asarray(image) == np.asarray(PICTURES[2])).all()
    with pytest.raises(ValueError, match="from frame 2 to 0"):
        image.seek(0)


def test_in_its_container() -> None:
    """Boxes around the codestream change nothing."""
    image = opened(encoded(PICTURES[0], "JXL", usecontainer=True))
    assert (np.asarray(image) == np.asarray(PICTURES[0])).all()


def test_a_picture_that_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strictly it is an error; leniently the decoded part is there, coarse where detail is missing, and no more."""
    picture = photograph().resize((512, 384))
    body = encoded(picture, "JXL", distance=1.0)
    body = body[: len(body) * 3 // 4]
    with pytest.raises(OSError, match="broken"):
        opened(body).load()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    image = opened(body)
    assert np.abs(np.asarray(image, dtype=int) - np.asarray(picture, dtype=int)).mean() < 12
    with pytest.raises(EOFError):
        image.seek(1)


@pytest.mark.parametrize("body", [b"", b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a" + bytes(40), b"GIF89a"])
def test_bytes_that_are_no_jpeg_xl(body: bytes) -> None:
    """Bytes without a readable header raise SyntaxError."""
    with pytest.raises((SyntaxError, OSError)):
        opened(body).load()


def test_huge_declared_sizes_take_no_memory() -> None:
    """A header that declares 2^30 x 2^30 pixels is read without allocating for them."""
    side = 0b11 | (2**30 - 1) << 2
    header = side << 1 | side << 36  # not small; height; no ratio; width
    image = opened(b"\xff\x0a" + (header | 1 << 68).to_bytes(20, "little"))
    assert image.size == (2**30, 2**30)
    with pytest.raises(OSError, match="broken"):
        image.seek(0)


def test_frames_can_be_loaded_twice() -> None:
    """A frame is decoded once, however often it is loaded."""
    image = opened(encoded(PICTURES[0], "JXL"))
    image.load()
    image.load()
    assert (np.asarray(image) == np.asarray(PICTURES[0])).all()
    assert isinstance(image, Image.Image)
