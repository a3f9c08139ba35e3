"""Every format and mode that is decoded, held to what other tools make of it; and no other decoder."""

import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import AvifImagePlugin, Image
from tests.hashing.perceptual.test_pdq import reference
from tests.hashing.pictures import FORMATS, FORMS, PHOTOGRAPHS, Form, decoded, formed, photograph

from edgeward.config import HashingSettings
from edgeward.hashing.decoding.formats import DECODERS
from edgeward.hashing.decoding.images import pictures
from edgeward.hashing.media import DECODABLE, sniff
from edgeward.hashing.perceptual.pdq import pdq
from edgeward.hashing.request import HashRequest

SETTINGS = HashingSettings(signals=("sha256", "pdq"), min_quality=0)
EXACT = HashRequest(exact=True)
SOURCE = str(Path(__file__).parents[3] / "addons")


def seen(body: bytes, form: Form) -> list[Image.Image]:
    """What others hash: the picture on white and, where that is another, without its alpha channel."""
    deep = form.mode in ("I;16", "RGB;16", "RGBA;16", "F")
    picture = Image.fromarray(eight_bits(body, form)) if deep else decoded(body, form.format)
    if not picture.has_transparency_data or picture.convert("RGBA").getchannel("A").getextrema() == (255, 255):
        return [picture.convert("RGB")]
    picture = picture.convert("RGBA")
    white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return [white.convert("RGB"), picture.convert("RGB")]


def eight_bits(body: bytes, form: Form) -> np.ndarray:
    """Pillow has no picture of three channels of 16 bits, and cuts grey of 16 bits off at 255."""
    if form.format == "JXL":
        levels = imagecodecs.jpegxl_decode(body)
        return np.rint(levels * 255 if form.mode == "F" else levels / 257).astype(np.uint8)
    levels = np.asarray(decoded(body, form.format))
    if form.mode == "F":
        low, high = levels.min(), levels.max()
        return np.minimum((levels - low) * (256 / (high - low)), 255).astype(np.uint8)
    return (levels >> 8).astype(np.uint8) if form.mode == "I;16" else levels


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_pdq_agrees_with_the_reference_to_the_bit(form: Form) -> None:
    """In every mode of every format the PDQ is that of pdqhash on the decoded pixels, of every photograph."""
    for name in PHOTOGRAPHS:
        body = formed(form, photograph(name).resize((120, 90)))
        media_type = sniff(body)
        assert media_type
        found = [pdq(picture.image).value for picture in pictures(body, media_type, max_pixels=10**6, max_frames=9)]
        assert found == [reference(picture)[0] for picture in seen(body, form)], name


def test_a_decoder_stands_behind_each_decodable_type() -> None:
    """DECODABLE promises no format that could not be opened; the tests know them all."""
    assert DECODERS.keys() == DECODABLE == FORMATS.keys()
    assert {sniff(formed(form, photograph().resize((32, 32)))) for form in FORMS} == DECODABLE


def test_no_other_decoder_is_loaded() -> None:
    """Whatever runs programs, or was never asked for, is not there: EPS, PDF, WMF, fonts and the rest."""
    script = "import sys, edgeward.hashing.fingerprint; print(*(n for n in sys.modules if n.startswith('PIL.')))"
    environment = {"PYTHONPATH": SOURCE}
    loaded = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    plug_ins = {name.removeprefix("PIL.") for name in loaded.stdout.split() if name.endswith("ImagePlugin")}
    allowed = {"Avif", "Bmp", "Gif", "Ico", "Jpeg", "Jpeg2K", "Png", "Tiff", "WebP"}
    assert plug_ins == {f"{name}ImagePlugin" for name in allowed}


def test_a_hasher_starts_no_pool_of_threads() -> None:
    """One hasher, one core: the decoders that could use more are told not to."""
    assert AvifImagePlugin.DEFAULT_MAX_THREADS == pillow_heif.options.DECODE_THREADS == 1
