"""A picture within another one: screenshots, collages, a photograph of a screen."""

import math
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from tests.detection.transform import Group, transform
from tests.detection.transforms.marks import BLACK, WHITE
from tests.detection.transforms.tones import SEED

GREY, PALE, INK = (222, 225, 230), (241, 243, 244), (95, 99, 104)


def browser(picture: Image.Image) -> Image.Image:
    """A browser's window that shows the picture by itself, as large as it is: tabs, address, a margin."""
    unit = max(8, picture.width // 40)
    window = Image.new("RGB", (picture.width + 2 * unit, picture.height + 6 * unit), WHITE)
    draw = ImageDraw.Draw(window)
    draw.rectangle((0, 0, window.width, 2 * unit), fill=GREY)
    draw.rounded_rectangle((unit, unit // 2, 12 * unit, 2 * unit), unit // 2, fill=PALE)
    draw.rectangle((0, 2 * unit, window.width, 4 * unit), fill=PALE)
    draw.rounded_rectangle((6 * unit, 2.4 * unit, window.width - 4 * unit, 3.6 * unit), unit // 2, fill=WHITE)
    for number in range(3):
        draw.ellipse((unit * (1 + 1.5 * number), 2.5 * unit, unit * (2 + 1.5 * number), 3.5 * unit), outline=INK)
    draw.text((7 * unit, 3 * unit), "example.org/photos/1", fill=INK, anchor="lm")
    window.paste(picture, (unit, 5 * unit))
    return window


def article(picture: Image.Image) -> Image.Image:
    """A page on which the picture stands between lines of text."""
    unit = max(8, picture.width // 30)
    page = Image.new("RGB", (picture.width + 10 * unit, picture.height + 14 * unit), WHITE)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, page.width, 3 * unit), fill=(24, 60, 110))
    lines = (*range(5, 8), *range(10, 13))
    for line in lines:
        top = line * unit + (picture.height if line > 8 else 0)
        draw.rectangle((5 * unit, top, page.width - (5 + line % 3) * unit, top + unit // 3), fill=(150, 150, 154))
    page.paste(picture, (5 * unit, 9 * unit))
    return page


def phone(picture: Image.Image) -> Image.Image:
    """A phone's screen with the picture in its middle, black above and below, clock and buttons."""
    height = max(round(picture.width * 19.5 / 9), picture.height * 5 // 4)
    screen = Image.new("RGB", (picture.width, height), BLACK)
    draw, unit = ImageDraw.Draw(screen), max(6, picture.width // 30)
    draw.text((unit, unit), "12:45", fill=WHITE, font_size=unit)
    draw.rounded_rectangle((screen.width - 3 * unit, unit, screen.width - unit, 2 * unit), unit // 4, outline=WHITE)
    for number in range(4):
        across = (number + 0.5) * screen.width / 4
        draw.ellipse((across - unit, height - 3 * unit, across + unit, height - unit), outline=WHITE, width=2)
    screen.paste(picture, (0, (height - picture.height) // 2))
    return screen


def collage(columns: int, rows: int, picture: Image.Image) -> Image.Image:
    """The picture in the first of equal fields; drawings in the others."""
    sheet = Image.new("RGB", (picture.width * columns, picture.height * rows), WHITE)
    for number in range(columns * rows):
        place = (number % columns * picture.width, number // columns * picture.height)
        sheet.paste(_drawing(picture.size, number) if number else picture, place)
    return sheet


def _drawing(size: tuple[int, int], number: int) -> Image.Image:
    """Soft discs on a slope of colours."""
    drawing = ImageOps.colorize(Image.linear_gradient("L").resize(size), (40, 60, 90), (150, 190, 220))
    draw, places = ImageDraw.Draw(drawing), np.random.default_rng(SEED + number)
    for across, down, share in places.random((7, 3)):
        radius = (0.05 + 0.15 * share) * min(size)
        middle = (across * size[0], down * size[1])
        colour = tuple(int(level) for level in places.integers(30, 230, 3))
        draw.circle(middle, radius, fill=colour)
    return drawing.filter(ImageFilter.GaussianBlur(min(size) / 100))


def photographed(tilt: float, picture: Image.Image) -> Image.Image:
    """A photograph of a screen: perspective, moire of the two grids of pixels, light from one side, noise.

    `tilt`: how far the corners move, as a share of the sides. What lies around the screen is dark.
    """
    shot = _tilted(tilt, picture)
    rows, columns = np.mgrid[0 : shot.height, 0 : shot.width].astype(np.float32)
    stripes = np.sin(2 * math.pi * (columns * 0.231 + rows * 0.037)) + np.sin(
        2 * math.pi * (rows * 0.197 - columns * 0.021)
    )
    light = 0.8 + 0.35 * columns / shot.width + 0.1 * rows / shot.height
    pixels = np.asarray(shot, dtype=np.float32) * (light * (1 + 0.04 * stripes))[..., None]
    pixels = pixels * np.array((1.02, 1.0, 0.94), dtype=np.float32) + 8
    pixels += np.random.default_rng(SEED).normal(0, 6, pixels.shape)
    made = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return made.filter(ImageFilter.GaussianBlur(0.7))


def _tilted(tilt: float, picture: Image.Image) -> Image.Image:
    """Seen from below on the right: the upper left corner is the farthest."""
    width, height = picture.size
    corners = ((tilt, tilt), (1 - tilt / 2, tilt / 4), (1 - tilt / 8, 1 - tilt / 8), (tilt / 4, 1 - tilt / 2))
    seen = [(across * width, down * height) for across, down in corners]
    flat = ((0, 0), (width, 0), (width, height), (0, height))
    return picture.transform(
        picture.size,
        Image.Transform.PERSPECTIVE,
        _homography(seen, flat),
        Image.Resampling.BICUBIC,
        fillcolor=(18, 18, 20),
    )


def _homography(seen: list[tuple[float, float]], flat: tuple[tuple[int, int], ...]) -> list[float]:
    """The eight coefficients that take a place in the made picture to one in the flat picture."""
    rows, wanted = [], []
    for (x, y), (across, down) in zip(seen, flat, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -across * x, -across * y], [0, 0, 0, x, y, 1, -down * x, -down * y]]
        wanted += [across, down]
    return [float(value) for value in np.linalg.solve(np.array(rows, float), np.array(wanted, float))]


SCENES = Group(
    "Within another picture",
    (
        transform("screenshot of a browser", browser),
        transform("screenshot of an article", article),
        transform("screenshot of a phone", phone),
        transform("collage, two side by side", partial(collage, 2, 1)),
        transform("collage of four", partial(collage, 2, 2)),
        transform("photographed from a screen, straight", partial(photographed, 0.01)),
        transform("photographed from a screen, tilted", partial(photographed, 0.06)),
    ),
)
