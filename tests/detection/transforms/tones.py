"""Colours and detail: what filters of apps and bad lines do."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from tests.detection.transform import Group, transform

SEED = 20261123
SEPIA = (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0)


def blurred(radius: float, picture: Image.Image) -> Image.Image:
    """By a Gaussian of this standard deviation, in pixels."""
    return picture.filter(ImageFilter.GaussianBlur(radius))


def smeared(length: int, picture: Image.Image) -> Image.Image:
    """Motion along the rows."""
    pixels = np.asarray(picture, dtype=np.float32)
    return _picture(np.mean([np.roll(pixels, step - length // 2, axis=1) for step in range(length)], axis=0))


def noisy(deviation: float, picture: Image.Image) -> Image.Image:
    """Gaussian noise in each channel, of this standard deviation on the scale of 0..255."""
    noise = np.random.default_rng(SEED).normal(0, deviation, (picture.height, picture.width, 3))
    return _picture(np.asarray(picture, dtype=np.float32) + noise)


def peppered(share: float, picture: Image.Image) -> Image.Image:
    """This share of the pixels turned black or white."""
    pixels = np.array(picture)
    chance = np.random.default_rng(SEED).random(pixels.shape[:2])
    pixels[chance < share / 2], pixels[chance > 1 - share / 2] = 0, 255
    return Image.fromarray(pixels)


def gamma(power: float, picture: Image.Image) -> Image.Image:
    return picture.point([round(255 * (value / 255) ** power) for value in range(256)] * 3)


def enhanced(kind: Callable[[Image.Image], Any], factor: float, picture: Image.Image) -> Image.Image:
    """By one of Pillow's enhancers: 1.0 leaves the picture as it is."""
    made: Image.Image = kind(picture).enhance(factor)
    return made


def hue(degrees: float, picture: Image.Image) -> Image.Image:
    turned, saturation, value = picture.convert("HSV").split()
    turned = turned.point([round(level + degrees / 360 * 256) % 256 for level in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def vignette(picture: Image.Image) -> Image.Image:
    """Darker away from the middle: a Gaussian of half the side, as in Thorn's benchmark."""
    across, down = (
        np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / (side / 2)) ** 2).astype(np.float32)
        for side in picture.size
    )
    return _picture(np.asarray(picture, dtype=np.float32) * np.outer(down, across)[..., None])


def _picture(pixels: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


BLUR = (
    *(transform(f"blurred, radius {sigma}", partial(blurred, sigma)) for sigma in (1, 2, 4)),
    transform("smeared along, 9 pixels", partial(smeared, 9)),
)
NOISE = (
    *(transform(f"noise, deviation {level}", partial(noisy, level)) for level in (10, 25, 51)),
    transform("2 % of pixels black or white", partial(peppered, 0.02)),
)
GAMMA = tuple(transform(f"gamma {power}", partial(gamma, power)) for power in (0.5, 0.75, 1.5, 2.0))
GREY = (transform("greyscale", ImageOps.grayscale),)

DETAIL = Group(
    "Blur, noise, sharpening",
    (
        *BLUR,
        *NOISE,
        transform("sharpened", lambda picture: picture.filter(ImageFilter.UnsharpMask(2, 150, 2))),
        transform("median filter, 5 pixels", lambda picture: picture.filter(ImageFilter.MedianFilter(5))),
    ),
)
TONES = Group(
    "Light and colour",
    (
        *GAMMA,
        *GREY,
        *(transform(f"contrast x {factor}", partial(enhanced, ImageEnhance.Contrast, factor)) for factor in (0.5, 1.5)),
        *(
            transform(f"brightness x {factor}", partial(enhanced, ImageEnhance.Brightness, factor))
            for factor in (0.6, 1.4)
        ),
        transform("colours x 2", partial(enhanced, ImageEnhance.Color, 2.0)),
        *(transform(f"hue turned by {degrees}°", partial(hue, degrees)) for degrees in (30, 180)),
        transform("sepia", lambda picture: picture.convert("RGB", SEPIA)),
        transform("histogram equalised", ImageOps.equalize),
        transform("vignette", vignette),
        transform("negative", ImageOps.invert),
    ),
)
