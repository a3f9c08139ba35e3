"""Bytes become a fingerprint; no bytes raise an exception."""

import hashlib

import brotli
import imagehash
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.hashing.pdq_reference import reference_pdq
from tests.hashing.pictures import FORMATS, PHOTOGRAPHS, decoded, distance, encoded, jpeg, photograph
from tests.support.programs import gzipped

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.settings.config import SIGNAL_TYPES, HashingSettings
from edgeward.types import Fingerprint, Flaw, Signal, View

SETTINGS = HashingSettings()
SIZES = ((700, 500), (1100, 1030), (2101, 2051))


def values(found: Fingerprint) -> dict[str, str]:
    return {signal.type: signal.value for signal in reversed(found.signals)}


def stored(found: Fingerprint) -> list[Signal]:
    return [signal for signal in found.signals if signal.view is View.STORED]


def test_all_signals_of_a_photograph() -> None:
    """Every signal type once, digests first; size, dimensions and media type; no flaw; JSON round trip."""
    body = jpeg((321, 240))
    found = fingerprint(body, SETTINGS)
    assert tuple(signal.type for signal in found.signals) == SIGNAL_TYPES
    assert (found.media_type, found.size, found.width, found.height) == ("image/jpeg", len(body), 321, 240)
    assert found.flaw is None
    assert found.sha256 == values(found)["sha256"] == hashlib.sha256(body).hexdigest()
    assert Fingerprint.from_json(found.to_json()) == found


@pytest.mark.parametrize("format", FORMATS.values())
@pytest.mark.parametrize("exact", [True, False])
def test_every_format_has_the_values_of_the_libraries(format: str, exact: bool) -> None:
    """PDQ equals pdqhash's, phash and dhash imagehash's on the decoded file; only drafted JPEGs differ a little."""
    body = encoded(photograph("coffee"), format)
    with decoded(body, format) as picture:
        expected = {"phash": str(imagehash.phash(picture)), "dhash": str(imagehash.dhash(picture))}
        expected["pdq"] = reference_pdq(picture)[0]
    found = values(fingerprint(body, SETTINGS, HashRequest(exact=exact)))
    drafted = format == "JPEG" and not exact
    for name, value in expected.items():
        assert distance(found[name], value) <= ({"pdq": 4}.get(name, 2) if drafted else 0), name


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_drafted_photographs_stay_near(name: str) -> None:
    """At any draft scale: PDQ within 4 bits, phash and dhash within 2, quality within 1."""
    for size in SIZES:
        picture = photograph(name).resize(size)
        for body in (encoded(picture, "JPEG", quality=quality) for quality in (40, 70, 95)):
            exact, drafted = (stored(fingerprint(body, SETTINGS, HashRequest(exact=exact))) for exact in (True, False))
            for one, other in zip(exact, drafted, strict=True):
                assert distance(one.value, other.value) <= (4 if one.type == "pdq" else 2), (size, one.type)
                assert abs((one.quality or 0) - (other.quality or 0)) <= 1


def test_only_the_signals_asked_for() -> None:
    """Settings choose the signal types; digests alone need no decoder, and the SHA-256 is always known."""
    found = fingerprint(jpeg(), HashingSettings(signals=("sha256", "md5")))
    assert [signal.type for signal in found.signals] == ["sha256", "md5"]
    assert (found.width, found.height, len(found.sha256)) == (320, 240, 64)


@pytest.mark.parametrize(("codings", "coder"), [(("gzip",), gzipped), (("br",), brotli.compress)])
def test_codings_are_undone(codings: tuple[str, ...], coder: type) -> None:
    """An image under a content-coding has the same fingerprint."""
    assert fingerprint(coder(jpeg()), SETTINGS, HashRequest(codings)) == fingerprint(jpeg(), SETTINGS)


@pytest.mark.parametrize(
    ("body", "codings", "flaw", "media_type"),
    [
        (b"\xff\xd8\xff\xe0 and no picture", (), Flaw.UNDECODABLE, "image/jpeg"),
        (b"8BPS\0\x01" + bytes(64), (), Flaw.UNSUPPORTED, "image/vnd.adobe.photoshop"),
        (jpeg(), ("gzip",), Flaw.BAD_CODING, ""),
        (jpeg(), ("rot13",), Flaw.BAD_CODING, ""),
        (gzipped(jpeg())[:-9], ("gzip",), Flaw.BAD_CODING, "image/jpeg"),
        (jpeg() + bytes(70_000), (), Flaw.TOO_LARGE, "image/jpeg"),
        (gzipped(jpeg() + bytes(70_000)), ("gzip",), Flaw.TOO_LARGE, "image/jpeg"),
        (encoded(Image.new("1", (500, 201)), "PNG"), (), Flaw.TOO_MANY_PIXELS, "image/png"),
        (b"plain text", (), None, ""),
        (b"", (), None, ""),
    ],
)
def test_flaws(body: bytes, codings: tuple[str, ...], flaw: Flaw | None, media_type: str) -> None:
    """Each reason why bytes can't be hashed is a flaw of its own, and the digests are known all the same."""
    found = fingerprint(body, HashingSettings(max_bytes=65536, max_pixels=100_000), HashRequest(codings))
    assert (found.flaw, found.media_type) == (flaw, media_type)
    assert values(found) == {name: hashlib.new(name, body).hexdigest() for name in ("sha256", "sha1", "md5")}


def test_too_many_pixels_are_reported_with_the_size() -> None:
    """A picture refused for its pixels has its width and height, which the API shows."""
    found = fingerprint(encoded(Image.new("1", (500, 201)), "PNG"), HashingSettings(max_pixels=100_000))
    assert (found.width, found.height) == (500, 201)


def test_a_cut_image_is_hashed_as_far_as_it_goes() -> None:
    """A listed photograph that lacks its last bytes still matches."""
    body = jpeg((640, 480), quality=90)
    whole, cut = (fingerprint(part, SETTINGS) for part in (body, body[: len(body) * 98 // 100]))
    assert cut.flaw is None
    assert distance(values(cut)["pdq"], values(whole)["pdq"]) <= 31


def test_distinct_frames_only() -> None:
    """An animation has the signals of each distinct frame."""
    one, other = (photograph(name).resize((160, 120)) for name in ("astronaut", "coffee"))
    body = encoded(one, "WEBP", save_all=True, append_images=[other, one, other], lossless=True)
    found = fingerprint(body, HashingSettings(signals=("sha256", "pdq")))
    assert [signal.value for signal in found.signals[1:]] == [reference_pdq(one)[0], reference_pdq(other)[0]]
    assert len(fingerprint(body, HashingSettings(signals=("sha256", "pdq"), max_frames=1)).signals) == 2


@pytest.mark.parametrize(
    ("picture", "flaw"),
    [
        (Image.new("RGB", (64, 64), "navy"), Flaw.FLAT),
        (photograph().resize((16, 200)), Flaw.TOO_SMALL),
        (photograph().resize((17, 200)), None),
    ],
)
def test_pictures_with_little_content_have_digests_only(picture: Image.Image, flaw: Flaw | None) -> None:
    """Flat and tiny pictures have no perceptual signals of any type, and the flaw says why."""
    found = fingerprint(encoded(picture, "PNG"), SETTINGS)
    assert found.flaw is flaw
    assert len(found.signals) == (3 if flaw else 6)


@pytest.mark.parametrize("signals", [("sha256", "pdq"), ("phash", "sha256", "pdq"), ("sha256", "dhash", "phash")])
def test_a_pdq_does_not_depend_on_what_else_is_asked(signals: tuple[str, ...]) -> None:
    """Each hash has the same value whichever other types are computed."""
    for size in ((700, 500), (1600, 1200)):
        body = jpeg(size, "coffee", quality=80)
        everything = values(fingerprint(body, SETTINGS))
        for name, value in values(fingerprint(body, HashingSettings(signals=signals))).items():
            assert everything[name] == value


@pytest.mark.filterwarnings("ignore:.*EXIF.*:UserWarning", "ignore::UserWarning:PIL.*")
@settings(max_examples=60)
@given(st.sampled_from(tuple(FORMATS.values())), st.dictionaries(st.integers(0, 4000), st.integers(0, 255), max_size=6))
def test_damaged_files_never_raise(format: str, damage: dict[int, int]) -> None:
    """Whatever bytes are changed, the result is a fingerprint with the digests of those bytes."""
    body = bytearray(encoded(photograph().resize((48, 32)), format))
    for at, value in damage.items():
        body[at % len(body)] = value
    found = fingerprint(bytes(body), HashingSettings(max_pixels=1_000_000))
    assert found.sha256 == hashlib.sha256(body).hexdigest()
