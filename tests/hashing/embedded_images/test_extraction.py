"""Raster images inside texts are hashed like any other; no wrapping hides one."""

import base64
import gzip
import hashlib
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.hashing.pictures import encoded, jpeg, photograph

from edgeward.hashing.embedded_images import extraction
from edgeward.hashing.embedded_images.extraction import (
    MAX_DEPTH,
    MAX_IMAGES,
    TooManyImages,
    embedded_images,
    with_embedded_images,
)
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.settings.config import HashingSettings
from edgeward.types import Fingerprint, Flaw, Signal

MAX_BYTES = 2**20
PHOTO, OTHER = jpeg((64, 48)), jpeg((64, 48), "coffee")
SMALL = encoded(photograph().resize((24, 18)), "PNG")
SVG, HTML, CSS = "image/svg+xml", "text/html", "text/css"
SETTINGS = HashingSettings(data_uris=True)


def uri(image: bytes, media_type: str = "image/jpeg") -> str:
    return f"data:{media_type};base64,{base64.b64encode(image).decode()}"


def svg(inside: str, before: str = "") -> bytes:
    return f'{before}<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>'.encode()


def shown(href: str) -> bytes:
    return svg(f'<image href="{href}"/>')


def nested(depth: int) -> bytes:
    text = shown(uri(PHOTO))
    for _ in range(depth - 1):
        text = shown(uri(text, SVG))
    return text


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        (shown(uri(PHOTO)), SVG),
        (shown(uri(PHOTO, "image/png")), SVG),
        (shown(uri(PHOTO, "")), SVG),
        (shown(uri(PHOTO).replace("data", "d&#x9;ATA")), SVG),
        (shown(f"data:image/jpeg,{quote(PHOTO)}"), SVG),
        (shown(uri(PHOTO)).decode().encode("utf-16"), SVG),
        (svg(f"<style>.a{{background:url(\\64 ata{uri(PHOTO)[4:]})}}</style>"), SVG),
        (svg(f"<g style='background: url(\"{uri(PHOTO)}\")'/>"), SVG),
        (svg('<image href="&a;"/>', f'<!DOCTYPE svg [<!ENTITY a "{uri(PHOTO)}">]>'), SVG),
        (shown(f"data:image/svg+xml,{quote(shown(uri(PHOTO)))}"), SVG),
        (shown(uri(svg(f"<style>@import '{uri(f'a{{b:url({uri(PHOTO)})}}'.encode(), CSS)}';</style>"), SVG)), SVG),
        (nested(MAX_DEPTH), SVG),
        (shown(uri(PHOTO)) + b"<", SVG),
        (b"<svg a=1>" + shown(uri(PHOTO)), SVG),
        (shown(uri(PHOTO)).decode().replace("<svg", "<svg<").encode("utf-16"), SVG),
        (b"<p>" + shown(uri(PHOTO)) + b"<p>", HTML),
        (f"<p><img src={uri(PHOTO)} alt=x>".encode(), HTML),
        (f"<div style='background:url(&quot;{uri(PHOTO)}&quot;)'>".encode(), HTML),
        (f"<img src='{uri(PHOTO).replace('/', '&#47;')}'>".encode(), HTML),
        (f"a {{ background: url({uri(PHOTO)}) }}".encode(), CSS),
        (f"a {{ background: url('\\64 ata{uri(PHOTO)[4:]}') }}".encode(), CSS),
    ],
)
def test_every_wrapping(text: bytes, media_type: str) -> None:
    """The image's exact bytes are found wherever a browser would find them, also in broken XML."""
    assert list(embedded_images(text, media_type, MAX_BYTES)) == [PHOTO]


@pytest.mark.parametrize(
    "text",
    [
        svg("<path d='M0 0'/>"),
        shown("http://elsewhere.test/a.jpg"),
        shown("data:,x"),
        shown("data:text/plain;base64,AAAA"),
        svg(f"<!-- {uri(PHOTO)} -->"),
    ],
)
def test_nothing_to_show(text: bytes) -> None:
    """Links are not followed, comments are not read, and other data is not an image."""
    assert list(embedded_images(text, SVG, MAX_BYTES)) == []


def test_each_image_once_in_order() -> None:
    """An image that occurs several times comes once."""
    text = "".join(f'<img src="{uri(each)}">' for each in (PHOTO, OTHER, PHOTO, PHOTO, OTHER))
    assert list(embedded_images(text.encode(), HTML, MAX_BYTES)) == [PHOTO, OTHER]


@pytest.mark.parametrize(
    ("text", "max_bytes"),
    [
        (b"".join(b"'%s'" % uri(PHOTO + bytes([n >> 8, n & 255])).encode() for n in range(MAX_IMAGES + 1)), MAX_BYTES),
        (nested(MAX_DEPTH + 1), MAX_BYTES),
        (b"'%s' '%s'" % (uri(PHOTO).encode(), uri(PHOTO + bytes(9000)).encode()), 2000),
    ],
)
def test_limits(text: bytes, max_bytes: int) -> None:
    """More images, bytes or depth than allowed end the search, after the images found before."""
    with pytest.raises(TooManyImages):
        list(embedded_images(text, HTML, max_bytes))


def test_a_fingerprint_holds_the_signals_of_each_image() -> None:
    """Digests and perceptual signals of each image, `frame` being its number; the text's own digests come first."""
    text = svg(f'<image href="{uri(PHOTO)}"/><image href="{uri(OTHER)}"/>')
    found = fingerprint(text, SETTINGS)
    assert (found.media_type, found.size, found.flaw) == (SVG, len(text), None)
    assert found.sha256 == found.signals[0].value == hashlib.sha256(text).hexdigest()
    for number, image in enumerate((PHOTO, OTHER)):
        for signal in fingerprint(image, SETTINGS).signals:
            assert Signal(signal.type, signal.value, signal.quality, signal.view, number) in found.signals


def test_an_svg_without_images_has_digests_only() -> None:
    """An SVG without images in it has digests only, and no flaw."""
    found = fingerprint(svg("<path d='M0 0'/>"), SETTINGS)
    assert (found.media_type, found.flaw) == (SVG, None)
    assert [signal.type for signal in found.signals] == ["sha256", "sha1", "md5"]


@pytest.mark.parametrize(
    ("body", "request_", "media_type"),
    [
        (gzip.compress(shown(uri(PHOTO)), mtime=0), HashRequest(), SVG),
        (gzip.compress(shown(uri(PHOTO)), mtime=0), HashRequest(("gzip",)), SVG),
        (f"<p><img src={uri(PHOTO)}>".encode(), HashRequest(declared="text/html; charset=x"), HTML),
        (f"a {{ b: url({uri(PHOTO)}) }}".encode(), HashRequest(declared="text/css"), CSS),
        (f"<x><y z='{uri(PHOTO)}'/></x>".encode(), HashRequest(declared="application/xml"), "text/xml"),
        (f"GIF89a <img src={uri(PHOTO)}>".encode(), HashRequest(declared="text/html"), "image/gif"),
    ],
)
def test_texts_that_are_searched(body: bytes, request_: HashRequest, media_type: str) -> None:
    """Compressed or not, declared if needed; HTML also if it begins like an image."""
    found = fingerprint(body, SETTINGS, request_)
    assert found.media_type == media_type
    assert hashlib.sha256(PHOTO).hexdigest() in {signal.value for signal in found.signals}


@pytest.mark.parametrize(
    ("body", "declared", "data_uris"),
    [
        (f"a {{ b: url({uri(PHOTO)}) }}".encode(), "text/css", False),
        (f"'{uri(PHOTO)}'".encode(), "text/plain", True),
        (b"<p>hello", "text/html", True),
        (b"<!-- <svg", "text/plain", False),
    ],
)
def test_other_texts_are_no_images(body: bytes, declared: str, data_uris: bool) -> None:
    """Other texts have digests only, and no media type, or that of an empty SVG."""
    found = fingerprint(body, HashingSettings(data_uris=data_uris), HashRequest(declared=declared))
    assert found.flaw is None
    assert len(found.signals) == 3


def test_an_image_is_read_alike_whatever_it_is_declared() -> None:
    """An image's fingerprint does not depend on its declared type, unless that is HTML or CSS."""
    for body in (PHOTO, shown(uri(PHOTO))):
        made = {fingerprint(body, SETTINGS, HashRequest(declared=each)) for each in ("", SVG, "text/xml", "image/png")}
        assert len(made) == 1


@pytest.mark.parametrize(
    ("inside", "flaw"),
    [
        ([b"\xff\xd8\xff\xe0 and no picture", PHOTO], Flaw.UNDECODABLE),
        ([encoded(Image.new("1", (500, 201)), "PNG"), b"\xff\xd8\xff\xe0"], Flaw.TOO_MANY_PIXELS),
        ([PHOTO + bytes(each) for each in range(MAX_IMAGES + 1)], Flaw.TOO_MANY_FRAMES),
    ],
)
def test_the_worst_flaw_is_kept(inside: list[bytes], flaw: Flaw) -> None:
    """The flaw is the worst of all images; the other images have their signals."""
    text = svg("".join(f'<image href="{uri(each)}"/>' for each in inside))
    found = fingerprint(text, HashingSettings(max_pixels=100_000, signals=("sha256", "pdq")))
    assert found.flaw is flaw
    assert hashlib.sha256(PHOTO).hexdigest() in {signal.value for signal in found.signals} or PHOTO not in inside


def test_no_more_signals_than_an_answer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """More signals than MAX_SIGNALS are a flaw."""
    monkeypatch.setattr(extraction, "MAX_SIGNALS", 10)
    made = Fingerprint("0" * 64, "image/jpeg", 1, tuple(Signal("pdq", f"{n:064x}") for n in range(7)))
    text = svg("".join(f'<image href="{uri(each)}"/>' for each in (PHOTO, OTHER, PHOTO + b"x")))
    found = with_embedded_images(Fingerprint("1" * 64, "", 1, ()), text, SVG, MAX_BYTES, lambda image: made)
    assert (len(found.signals), found.flaw) == (14, Flaw.TOO_MANY_FRAMES)


@settings(max_examples=80)
@given(
    st.sampled_from([SVG, HTML, CSS]),
    st.dictionaries(st.integers(0, 4000), st.sampled_from([*b"\0\t\n \"&'#%(),/:;<=>[\\]", 65, 255]), max_size=8),
)
def test_damaged_texts_never_raise(media_type: str, damage: dict[int, int]) -> None:
    """Whatever bytes are changed, the result is a fingerprint."""
    style = f"<style>a{{b:url('\\64 ata:,{quote(SMALL)}')}}</style>"
    text = bytearray(svg(f'<image href="&a;"/>{style}', f'<!DOCTYPE svg [<!ENTITY a "{uri(SMALL)}">]>'))
    for at, value in damage.items():
        text[at % len(text)] = value
    found = fingerprint(bytes(text), SETTINGS, HashRequest(declared=media_type))
    assert found.sha256 == hashlib.sha256(text).hexdigest()
