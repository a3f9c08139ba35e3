"""Draws docs/detection.png: the whole table as one picture, with Pillow and its own font."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from tests.detection.markdown_table import figure

type Colour = tuple[int, int, int]

SCALE = 2
"""Pixels for each unit below: sharp on dense screens too."""
LABEL, CELL, ROW, HEAD, GAP, MARGIN = 268, 62, 19, 46, 40, 28
"""Widths of labels and cells, heights of rows and of the head, between columns of panels, around everything."""
TITLE = 84
LEGEND = 46
WHITE_TEXT_FROM = 0.55
"""From this share on a cell is dark, and its figure white."""

PAPER, INK, SOFT, RULE = (255, 255, 255), (31, 41, 55), (107, 114, 128), (229, 231, 235)
STOPS: tuple[tuple[float, Colour], ...] = (
    (0.0, (250, 244, 236)),
    (0.25, (247, 215, 163)),
    (0.5, (196, 205, 158)),
    (0.75, (94, 170, 152)),
    (1.0, (13, 110, 110)),
)
"""Sand to sea; lightness alone tells them apart too."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The rows of one group: a name and a share (0..1) for each column."""

    title: str
    rows: Sequence[tuple[str, Sequence[float]]]

    @property
    def height(self) -> int:
        return ROW * (len(self.rows) + 1) + ROW // 2


@dataclass(frozen=True, slots=True)
class Head:
    """The columns' names, and brackets over those that stand together: a name, the first column and the last."""

    columns: Sequence[str]
    brackets: Sequence[tuple[str, int, int]]


def draw(title: str, subtitle: str, head: Head, panels: Sequence[Panel], path: Path) -> None:
    """Two columns of panels, nearly as high as each other, written as a PNG."""
    left, right = halves(panels)
    width = LABEL + CELL * len(head.columns)
    height = HEAD + max(sum(panel.height for panel in half) for half in (left, right))
    size = (2 * MARGIN + 2 * width + GAP, 2 * MARGIN + TITLE + height + LEGEND)
    image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), PAPER)
    pen = _Pen(ImageDraw.Draw(image))
    pen.text((MARGIN, MARGIN), title, 24, INK)
    pen.text((MARGIN, MARGIN + 36), subtitle, 13, SOFT)
    for half, across in ((left, MARGIN), (right, MARGIN + width + GAP)):
        _draw_half(pen, half, head, across, MARGIN + TITLE)
    _draw_legend(pen, MARGIN, size[1] - MARGIN - 16)
    image.quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)


def halves(panels: Sequence[Panel]) -> tuple[Sequence[Panel], Sequence[Panel]]:
    """Cut where the higher half is lowest."""

    def height(cut: int) -> int:
        return max(sum(panel.height for panel in panels[:cut]), sum(panel.height for panel in panels[cut:]))

    cut = min(range(len(panels) + 1), key=height)
    return panels[:cut], panels[cut:]


def colour(share: float) -> Colour:
    """Of a share of 0..1, between its two neighbours among STOPS."""
    for (low, below), (high, above) in pairwise(STOPS):
        if share <= high:
            part = (share - low) / (high - low)
            red, green, blue = (round(one + part * (other - one)) for one, other in zip(below, above, strict=True))
            return red, green, blue
    return STOPS[-1][1]


class _Pen:
    """Draws in units."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def text(self, place: tuple[float, float], text: str, size: float, ink: Colour, anchor: str = "la") -> None:
        font = ImageFont.load_default(size * SCALE)
        self._draw.text((place[0] * SCALE, place[1] * SCALE), text, fill=ink, font=font, anchor=anchor)

    def box(self, box: tuple[float, float, float, float], fill: Colour) -> None:
        left, top, right, bottom = (side * SCALE for side in box)
        self._draw.rectangle((left, top, right - 1, bottom - 1), fill=fill)


def _draw_half(pen: _Pen, panels: Sequence[Panel], head: Head, across: float, down: float) -> None:
    first = across + LABEL
    for number, name in enumerate(head.columns):
        pen.text((first + (number + 0.5) * CELL, down + HEAD - 8), name, 11, INK, "md")
    for name, start, end in head.brackets:
        pen.text((first + (start + end + 1) / 2 * CELL, down + 8), name, 11, SOFT, "mm")
        pen.box((first + start * CELL + 4, down + 16, first + (end + 1) * CELL - 4, down + 17), SOFT)
    down += HEAD
    for panel in panels:
        _draw_panel(pen, panel, across, down)
        down += panel.height


def _draw_panel(pen: _Pen, panel: Panel, across: float, down: float) -> None:
    pen.text((across, down + ROW / 2), panel.title, 13, INK, "lm")
    pen.box((across, down + ROW - 1, across + LABEL - 12, down + ROW), RULE)
    for number, (name, shares) in enumerate(panel.rows, 1):
        top = down + number * ROW
        pen.text((across, top + ROW / 2), name, 12, INK, "lm")
        for column, share in enumerate(shares):
            left = across + LABEL + column * CELL
            pen.box((left, top, left + CELL - 1, top + ROW - 1), colour(share))
            ink = PAPER if share >= WHITE_TEXT_FROM else SOFT
            pen.text((left + CELL / 2, top + ROW / 2 - 0.5), figure(share), 11, ink, "mm")


def _draw_legend(pen: _Pen, across: float, down: float) -> None:
    steps, width = 50, 4
    pen.text((across, down + 6), "found: 0 %", 11, SOFT, "lm")
    for step in range(steps):
        left = across + 64 + step * width
        pen.box((left, down, left + width, down + 12), colour(step / (steps - 1)))
    pen.text((across + 64 + steps * width + 8, down + 6), "100 %", 11, SOFT, "lm")
