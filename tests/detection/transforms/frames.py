"""Borders and bars around a picture. Shares are of the picture's own width or height."""

from functools import partial

from PIL import Image, ImageDraw, ImageOps
from tests.detection.transform import Group, transform
from tests.detection.transforms.marks import BLACK, WHITE, sized

type Colour = tuple[int, int, int]

RED, CREAM = (170, 30, 40), (240, 232, 214)


def padded(sides: tuple[float, float, float, float], colour: Colour, picture: Image.Image) -> Image.Image:
    """`sides`: left, top, right, bottom."""
    left, top, right, bottom = (
        round(share * side) for share, side in zip(sides, (*picture.size, *picture.size), strict=True)
    )
    return ImageOps.expand(picture, (left, top, right, bottom), colour)


def bordered(share: float, colour: Colour, picture: Image.Image) -> Image.Image:
    """As wide on all sides: a share of the longer one."""
    return ImageOps.expand(picture, max(1, round(share * max(picture.size))), colour)


def polaroid(picture: Image.Image) -> Image.Image:
    return padded((0.06, 0.06, 0.06, 0.22), CREAM, picture)


def squared(colour: Colour, picture: Image.Image) -> Image.Image:
    """Bars that make it a square, as social networks want it."""
    return ImageOps.pad(picture, (max(picture.size),) * 2, color=colour)


def headline(picture: Image.Image) -> Image.Image:
    """A line of text on white above the picture, which stays whole."""
    bar = round(0.16 * picture.height)
    made = ImageOps.expand(picture, (0, bar, 0, 0), WHITE)
    middle = (picture.width / 2, bar / 2)
    ImageDraw.Draw(made).text(middle, "You will not believe it", fill=BLACK, font=sized(bar * 0.5), anchor="mm")
    return made


def doubled(picture: Image.Image) -> Image.Image:
    """A thin light line within a broad dark mount."""
    return bordered(0.08, (40, 40, 44), bordered(0.01, CREAM, picture))


def rounded(picture: Image.Image) -> Image.Image:
    mask = Image.new("L", picture.size)
    box = (0, 0, picture.width - 1, picture.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, min(picture.size) / 10, fill=255)
    return Image.composite(picture, Image.new("RGB", picture.size, WHITE), mask)


PLAIN = (
    transform("border of 2 %", partial(bordered, 0.02, WHITE), partial(bordered, 0.02, BLACK)),
    transform("border of 5 %", partial(bordered, 0.05, BLACK), partial(bordered, 0.05, WHITE)),
    transform("border of 10 %, coloured", partial(bordered, 0.10, RED), partial(bordered, 0.10, CREAM)),
    transform("border of 25 %", partial(bordered, 0.25, WHITE), partial(bordered, 0.25, BLACK)),
    transform("polaroid", polaroid),
    transform("letterbox, 10 %", partial(padded, (0, 0.1, 0, 0.1), BLACK)),
    transform("letterbox, 20 %", partial(padded, (0, 0.2, 0, 0.2), BLACK)),
    transform(
        "pillarbox, 15 %", partial(padded, (0.15, 0, 0.15, 0), BLACK), partial(padded, (0.15, 0, 0.15, 0), WHITE)
    ),
    transform("bars to a square", partial(squared, WHITE), partial(squared, BLACK)),
    transform(
        "a bar on one side, 15 %", partial(padded, (0, 0, 0, 0.15), WHITE), partial(padded, (0.15, 0, 0, 0), BLACK)
    ),
)
FRAMES = Group(
    "Borders and letterboxes",
    (
        *PLAIN,
        transform("double border", doubled),
        transform("headline above", headline),
        transform("rounded corners", rounded),
    ),
)
