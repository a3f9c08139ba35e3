"""The picture inside a border is found."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tests.hashing.pictures import encoded, photograph

from edgeward.hashing.perceptual import borders as module
from edgeward.hashing.perceptual.borders import MAX_BOXES, Box, inner_boxes
from edgeward.hashing.perceptual.luma import Luma8

SIDES = ((20, 20, 20, 20), (0, 35, 0, 35), (60, 0, 60, 0), (0, 0, 0, 50), (13, 0, 0, 0), (6, 40, 9, 0))
SMALLEST = 17


def boxes(picture: Image.Image) -> list[Box]:
    return inner_boxes(np.asarray(picture.convert("L")), SMALLEST)


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(picture, "JPEG", quality=quality)))


def within(margins: tuple[int, int, int, int], size: tuple[int, int]) -> Box:
    return margins[0], margins[1], margins[0] + size[0], margins[1] + size[1]


def is_met(found: list[Box], wanted: Box, by: int) -> bool:
    return any(max(abs(one - other) for one, other in zip(box, wanted, strict=True)) <= by for box in found)


@pytest.mark.parametrize("quality", [60, 90])
@pytest.mark.parametrize("colour", ["black", "white", "crimson", "grey"])
@pytest.mark.parametrize("margins", SIDES)
def test_borders_of_all_kinds(margins: tuple[int, int, int, int], colour: str, quality: int) -> None:
    """On all sides, two or one, in any colour and compressed: the photograph's own edges are found within two lines."""
    for name in ("astronaut", "chelsea", "coffee", "camera"):
        picture = photograph(name).resize((400, 300))
        framed = compressed(ImageOps.expand(picture, margins, colour), quality)
        assert is_met(boxes(framed), within(margins, picture.size), 2), name


def test_a_border_in_a_border() -> None:
    """A white frame in a black letterbox: both the frame and the photograph inside it are among the answers."""
    picture = photograph("coffee").resize((400, 300))
    framed = ImageOps.expand(ImageOps.expand(picture, 25, "white"), (0, 60, 0, 60), "black")
    found = boxes(compressed(framed, 80))
    assert is_met(found, (25, 85, 425, 385), 2)
    assert is_met(found[:1], (0, 60, 450, 410), 2)


def test_a_border_that_fades() -> None:
    """A border whose tone drifts from one end to the other is one border."""
    picture = photograph("chelsea").resize((400, 300))
    paper = np.linspace(210, 230, 500).repeat(600).reshape(500, 600).astype(np.uint8)
    framed = Image.fromarray(paper).convert("RGB")
    framed.paste(picture, (100, 100))
    assert is_met(boxes(framed), (100, 100, 500, 400), 2)


def test_a_pictures_own_edges() -> None:
    """A picture with a black lower edge, in a black frame: the answer with equal margins is among those given."""
    picture = photograph("coffee").resize((400, 300))
    picture.paste("black", (0, 240, 400, 300))
    assert is_met(boxes(ImageOps.expand(picture, 20, "black")), (20, 20, 420, 320), 2)
    # With a bar of another colour above: it is one or the other.
    found = boxes(ImageOps.expand(picture, (0, 50, 0, 0), "white"))
    assert is_met(found, (0, 50, 400, 350), 2)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_photographs_have_none(name: str) -> None:
    """A picture without a border has no inner box. (An even sky counts as one, which costs only a lookup.)"""
    assert boxes(photograph(name)) == []


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (17, 17), (300, 2), (64, 64)])
@pytest.mark.parametrize("tone", [0, 128, 255])
def test_flat_pictures_have_none(size: tuple[int, int], tone: int) -> None:
    """A picture that is all border has no inner box, whatever its shape."""
    assert boxes(Image.new("L", size, tone)) == []


def test_nothing_smaller_than_asked() -> None:
    """A box has no side under `smallest` pixels, but may have exactly that many."""
    for side in (SMALLEST - 1, SMALLEST):
        canvas = Image.new("L", (300, 200), 255)
        canvas.paste(photograph("coins").convert("L").resize((50, side)), (40, 60))
        assert is_met(boxes(canvas), (40, 60, 90, 60 + side), 0) is (side == SMALLEST)


def test_boxes_are_few_and_lie_within() -> None:
    """At most MAX_BOXES boxes, distinct and within the picture."""
    random = np.random.default_rng(4)
    for _ in range(60):
        width, height = (int(side) for side in random.integers(17, 200, 2))
        tones = random.integers(0, 256, (int(random.integers(1, 9)), int(random.integers(1, 9))), dtype=np.uint8)
        found = boxes(Image.fromarray(tones).resize((width, height), Image.Resampling.NEAREST))
        assert len(found) == len(set(found)) <= MAX_BOXES
        for left, top, right, bottom in found:
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            assert min(right - left, bottom - top) >= SMALLEST


@pytest.mark.parametrize("size", [(8000, 8000), (3_000_000, 20), (20, 3_000_000)])
def test_large_borders_are_sampled(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A border of tens of megapixels is examined in fewer than 2000 steps, of at most 1024 pixels across."""
    canvas = Image.new("L", size, 200)
    canvas.paste(0, (size[0] // 2, size[1] // 2, size[0] // 2 + 5, size[1] // 2 + 5))
    looks: list[tuple[int, ...]] = []
    original = module._plain

    def noted(lines: Luma8, tone: int) -> NDArray[np.bool_]:
        looks.append(lines.shape)
        return original(lines, tone)

    monkeypatch.setattr(module, "_plain", noted)
    inner_boxes(np.asarray(canvas), SMALLEST)
    assert 0 < len(looks) < 2000
    assert max(across for _, across in looks) <= 1024
