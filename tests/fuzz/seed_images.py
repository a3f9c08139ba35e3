"""The seed corpus: a small picture in every format and mode, animations, and documents that embed pictures."""

import base64
import gzip
from functools import cache
from typing import NamedTuple

from PIL import Image
from tests.hashing.pictures import FORMATS, FORMS, animated, encoded, formed, photograph

SMALL, LARGER = (96, 72), (320, 240)
_TYPES = {format: media_type for media_type, format in FORMATS.items()} | {"MPO": "image/jpeg"}
_ANIMATIONS = ("GIF", "WEBP", "PNG", "AVIF", "JXL", "TIFF", "HEIF")
_XLINK = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


class Seed(NamedTuple):
    """A valid file."""

    name: str
    body: bytes
    media_type: str


@cache
def seeds() -> tuple[Seed, ...]:
    small, larger = photograph("chelsea").resize(SMALL), photograph("coffee").resize(LARGER)
    forms = [Seed(str(form), formed(form, small), _TYPES[form.format]) for form in FORMS]
    large = [Seed(f"larger {format}", encoded(larger, format), kind) for kind, format in FORMATS.items()]
    frames = [photograph(name).resize(SMALL) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    moving = [Seed(f"animated {format}", animated(frames, format), _TYPES[format]) for format in _ANIMATIONS]
    return (*forms, *large, *moving, *_turned(small), *_texts(encoded(small, "JPEG"), encoded(small, "PNG")))


def _turned(picture: Image.Image) -> list[Seed]:
    exif = Image.Exif()
    exif[0x0112] = 6
    return [Seed(f"turned {each}", encoded(picture, each, exif=exif), _TYPES[each]) for each in ("JPEG", "PNG", "WEBP")]


def _texts(jpeg: bytes, png: bytes) -> list[Seed]:
    images = "".join(f'<image href="{uri}"/>' for uri in (_uri(jpeg, "image/jpeg"), _uri(png, "image/png")))
    svg = f'<?xml version="1.0"?>\n<svg {_XLINK} width="96" height="72"><g>{images}</g></svg>'.encode()
    nested = f"<svg {_XLINK}><image xlink:href='{_uri(svg, 'image/svg+xml')}'/></svg>".encode()
    html = f'<!doctype html><title>t</title><p><img src="{_uri(png, "image/png")}" alt="&amp;">'.encode()
    sheet = f".a {{ background: url({_uri(jpeg, 'image/jpeg')}) }}\n.b {{ color: red }}".encode()
    return [
        Seed("SVG", svg, "image/svg+xml"),
        Seed("SVG in SVG", nested, "image/svg+xml"),
        Seed("SVGZ", gzip.compress(svg, mtime=0), "image/svg+xml"),
        Seed("HTML", html, "text/html"),
        Seed("CSS", sheet, "text/css"),
    ]


def _uri(body: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(body).decode()}"
