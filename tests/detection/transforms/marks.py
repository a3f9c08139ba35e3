"""Things put on a picture: watermarks, captions, stickers. Shares are of the picture's area."""

import math
from functools import partial

from PIL import Image, ImageDraw, ImageFont
from tests.detection.transform import Group, transform

SMOOTH = 4
"""Stickers are drawn larger by this factor, and scaled down."""
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def sized(height: float) -> ImageFont.FreeTypeFont:
    """Pillow's own font, letters of that many pixels: no other font has to be installed."""
    font = ImageFont.load_default(max(6.0, height))
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _text_tile(text: str, height: float, fill: tuple[int, int, int, int]) -> Image.Image:
    font = sized(height)
    left, top, right, bottom = (round(side) for side in font.getbbox(text))
    tile = Image.new("RGBA", (right - left, bottom - top))
    ImageDraw.Draw(tile).text((-left, -top), text, fill=fill, font=font)
    return tile


def signed(picture: Image.Image) -> Image.Image:
    """A dark word over a fifth of the width, bottom left: the watermark of Thorn's benchmark."""
    word = _text_tile("TEST", picture.height / 8, (0, 0, 0, 200))
    width = round(0.2 * picture.width)
    word = word.resize((width, max(1, round(word.height * width / word.width))), Image.Resampling.LANCZOS)
    return _pasted(picture, word, (word.height, picture.height - 2 * word.height))


def tiled(opacity: float, picture: Image.Image) -> Image.Image:
    """A slanted word again and again all over, as picture agencies do."""
    word = _text_tile("SAMPLE", picture.height / 14, (*WHITE, round(255 * opacity)))
    word = word.rotate(30, Image.Resampling.BICUBIC, expand=True)
    for row in range(-1, picture.height // word.height + 1):
        for column in range(-1, picture.width // word.width + 1):
            place = (column * word.width + (row % 2) * word.width // 2, row * word.height)
            picture = _pasted(picture, word, place)
    return picture


def badge(share: float, picture: Image.Image) -> Image.Image:
    """An opaque logo in the bottom right corner: a white disc with a coloured ring and a letter."""
    side = round(math.sqrt(share * picture.width * picture.height))
    logo = Image.new("RGBA", (side * SMOOTH,) * 2)
    draw = ImageDraw.Draw(logo)
    draw.rectangle((0, 0, *logo.size), fill=(*WHITE, 255))
    draw.ellipse([logo.width * part for part in (0.1, 0.1, 0.9, 0.9)], fill=(200, 30, 60, 255))
    middle = (logo.width / 2, logo.height / 2)
    draw.text(middle, "N", fill=WHITE, font=sized(logo.height * 0.6), anchor="mm")
    logo = logo.resize((side, side), Image.Resampling.LANCZOS)
    return _pasted(picture, logo, (picture.width - side, picture.height - side))


def caption(share: float, fill: tuple[int, int, int], ink: tuple[int, int, int], picture: Image.Image) -> Image.Image:
    """A bar with a line of text over the bottom of the picture."""
    made, bar = picture.copy(), round(share * picture.height)
    draw = ImageDraw.Draw(made)
    draw.rectangle((0, picture.height - bar, *picture.size), fill=fill)
    middle = (picture.width / 2, picture.height - bar / 2)
    draw.text(middle, "When you see it again", fill=ink, font=sized(bar * 0.6), anchor="mm")
    return made


def meme(picture: Image.Image) -> Image.Image:
    """White letters with a black outline, above and below."""
    made, height = picture.copy(), min(picture.height / 9, picture.width / 14)
    draw, font = ImageDraw.Draw(made), sized(height)
    for text, down, anchor in (("ONE DOES NOT SIMPLY", 0.02, "ma"), ("POST IT AGAIN", 0.98, "md")):
        place = (picture.width / 2, down * picture.height)
        draw.text(place, text, WHITE, font, anchor=anchor, stroke_width=max(1, round(height / 14)), stroke_fill=BLACK)
    return made


def stickers(shares: tuple[float, ...], picture: Image.Image) -> Image.Image:
    """Emoji by turns, a smile and a heart, at places that depend on nothing."""
    places = ((0.68, 0.3), (0.3, 0.66), (0.42, 0.2), (0.8, 0.75))
    for number, (share, (across, down)) in enumerate(zip(shares, places, strict=False)):
        side = round(math.sqrt(share * picture.width * picture.height * 4 / math.pi))
        sticker = (_smile, _heart)[number % 2](side * SMOOTH).resize((side, side), Image.Resampling.LANCZOS)
        corner = (round(across * picture.width - side / 2), round(down * picture.height - side / 2))
        picture = _pasted(picture, sticker, corner)
    return picture


def _smile(side: int) -> Image.Image:
    face = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(face)
    draw.ellipse((0, 0, side - 1, side - 1), fill=(255, 204, 51, 255))
    for across in (0.33, 0.67):
        eye = (across - 0.07, 0.28, across + 0.07, 0.46)
        draw.ellipse([side * part for part in eye], fill=(90, 50, 10, 255))
    draw.chord([side * part for part in (0.22, 0.4, 0.78, 0.84)], 0, 180, fill=(120, 40, 20, 255))
    return face


def _heart(side: int) -> Image.Image:
    heart = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(heart)
    for left in (0.02, 0.46):
        draw.ellipse([side * part for part in (left, 0.08, left + 0.52, 0.6)], fill=(226, 40, 60, 255))
    corners = ((0.06, 0.46), (0.94, 0.46), (0.5, 0.97))
    draw.polygon([(side * across, side * down) for across, down in corners], fill=(226, 40, 60, 255))
    return heart


def _pasted(picture: Image.Image, mark: Image.Image, place: tuple[int, int]) -> Image.Image:
    made = picture.copy()
    made.paste(mark, place, mark)
    return made


WATERMARKS = (
    transform("watermark, a word in a corner", signed),
    transform("watermark all over, faint", partial(tiled, 0.25)),
    transform("watermark, logo of 5 %", partial(badge, 0.05)),
    transform("watermark, logo of 10 %", partial(badge, 0.10)),
)
CAPTIONS = (
    transform("caption bar of 5 %", partial(caption, 0.05, BLACK, WHITE)),
    transform("caption bar of 10 %", partial(caption, 0.10, BLACK, WHITE), partial(caption, 0.10, WHITE, BLACK)),
    transform("meme letters", meme),
)
STICKERS = (
    transform("one emoji, 3 %", partial(stickers, (0.03,))),
    transform("one emoji, 10 %", partial(stickers, (0.10,))),
    transform("four emoji, 16 %", partial(stickers, (0.04,) * 4)),
)
MARKS = Group(
    "Watermarks, captions, stickers",
    (
        *WATERMARKS,
        transform("watermark all over, strong", partial(tiled, 0.7)),
        *CAPTIONS,
        transform("caption bar of 20 %", partial(caption, 0.20, BLACK, WHITE)),
        *STICKERS,
    ),
)
