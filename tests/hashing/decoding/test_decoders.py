"""Every format and mode is decoded as other tools do, and no other decoder is loaded."""

import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import AvifImagePlugin, Image
from tests.hashing.pdq_reference import reference_pdq
from tests.hashing.pictures import FORMATS, FORMS, PHOTOGRAPHS, Form, decoded, formed, photograph

from edgeward.hashing.decoding.decoders import DECODERS
from edgeward.hashing.decoding.images import pictures
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.media_types import DECODABLE, sniff
from edgeward.hashing.perceptual.pdq import pdq
from edgeward.settings.config import HashingSettings

SETTINGS = HashingSettings(signals=("sha256", "pdq"), min_quality=0)
EXACT = HashRequest(exact=True)
SOURCE = str(Path(__file__).parents[3] / "addons")


def seen(body: bytes, form: Form) -> list[Image.Image]:
    """What other tools hash: the picture on white and, if partly transparent, without its alpha channel."""
    deep = form.mode in ("I;16", "RGB;16", "RGBA;16", "F")
    picture = Image.fromarray(eight_bits(body, form)) if deep else decoded(body, form.format)
    if not picture.has_transparency_data or picture.convert("RGBA").getchannel("A").getextrema() == (255, 255):
        return [picture.convert("RGB")]
    picture = picture.convert("RGBA")
    white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return [white.convert("RGB"), picture.convert("RGB")]


def eight_bits(body: bytes, form: Form) -> np.ndarray:
    """8-bit levels of a deep picture: Pillow has no mode for 3 x 16 bits, and clips 16-bit grey at 255."""
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
    """In every mode of every format the PDQ of each photograph equals pdqhash's on the decoded pixels."""
    for name in PHOTOGRAPHS:
        body = formed(form, photograph(name).resize((120, 90)))
        media_type = sniff(body)
        assert media_type
        found = [pdq(picture.image).value for picture in pictures(body, media_type, max_pixels=10**6, max_frames=9)]
        assert found == [reference_pdq(picture)[0] for picture in seen(body, form)], name


def test_a_decoder_stands_behind_each_decodable_type() -> None:
    """Every type in DECODABLE has a decoder, and a format in these tests."""
    assert DECODERS.keys() == DECODABLE == FORMATS.keys()
    assert {sniff(formed(form, photograph().resize((32, 32)))) for form in FORMS} == DECODABLE


def test_no_other_decoder_is_loaded() -> None:
    """Plug-ins that are not on the allow-list are not loaded: EPS, PDF, WMF, fonts and others."""
    script = "import sys, edgeward.hashing.fingerprint; print(*(n for n in sys.modules if n.startswith('PIL.')))"
    environment = {"PYTHONPATH": SOURCE}
    loaded = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    plug_ins = {name.removeprefix("PIL.") for name in loaded.stdout.split() if name.endswith("ImagePlugin")}
    allowed = {"Avif", "Bmp", "Gif", "Ico", "Jpeg", "Jpeg2K", "Png", "Tiff", "WebP"}
    assert plug_ins == {f"{name}ImagePlugin" for name in allowed}


def test_a_hasher_starts_no_pool_of_threads() -> None:
    """Decoders that could use several threads are told to use one."""
    assert AvifImagePlugin.DEFAULT_MAX_THREADS == pillow_heif.options.DECODE_THREADS == 1
