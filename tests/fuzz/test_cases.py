"""Cases: made of every format, valid where they should be, false where they should be, and reproducible."""

import random
from collections import Counter

import pytest
from tests.fuzz.cases import case
from tests.fuzz.chunks import layout_of
from tests.fuzz.mutators import MAX_BYTES, PLAIN, Mutator
from tests.fuzz.seed_images import seeds
from tests.fuzz.structured import STRUCTURED, dimensions, tiff_entry
from tests.hashing.pictures import FORMS

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.media_types import DECODABLE
from edgeward.settings.config import HashingSettings
from edgeward.types import Flaw

SETTINGS = HashingSettings(signals=("sha256", "pdq"), data_uris=True)


def test_every_format_and_mode_is_there() -> None:
    """Each is a seed, has its declared type, and is decoded."""
    assert {seed.media_type for seed in seeds()} >= DECODABLE
    assert {str(form) for form in FORMS} <= {seed.name for seed in seeds()}
    for seed in seeds():
        if seed.media_type in DECODABLE and seed.media_type != "image/x-icon":
            found = fingerprint(seed.body, SETTINGS)
            assert (found.media_type, found.flaw) in ((seed.media_type, None), (seed.media_type, Flaw.FLAT)), seed.name


def test_chunks_fit_together() -> None:
    """A file that is split and joined again is the same."""
    layouts = [(seed, layout) for seed in seeds() if (layout := layout_of(seed.body))]
    assert {seed.media_type for seed, _ in layouts} >= {
        *("image/png", "image/jpeg", "image/webp", "image/avif", "image/heic", "image/jp2", "image/jxl"),
    }
    for seed, layout in layouts:
        assert layout.join(layout.split(seed.body)) == seed.body, seed.name


@pytest.mark.parametrize("mutator", list(dict.fromkeys([*PLAIN, *STRUCTURED])), ids=lambda each: each.__name__)
def test_a_mutator_takes_anything(mutator: Mutator) -> None:
    """An empty file, noise and the output of other mutators; the same choices give the same bytes."""
    choices = random.Random(1)
    bodies = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", *(choices.choice(seeds()).body for _ in range(20))]
    for number, body in enumerate(bodies):
        for before in (body, choices.choice(PLAIN)(body, choices)):
            made = mutator(before, random.Random(number))
            assert made == mutator(before, random.Random(number))
            assert len(made) <= max(MAX_BYTES, len(before))


@pytest.mark.parametrize(
    "format", ["PNG RGB", "JPEG RGB", "GIF RGB", "BMP RGB", "TIFF RGB", "AVIF RGB", "JPEG2000 RGB"]
)
def test_false_dimensions_reach_the_decoder(format: str) -> None:
    """Headers with another size are valid otherwise: a decoder uses that size, or refuses it."""
    body = next(seed.body for seed in seeds() if seed.name == format)
    found = [fingerprint(dimensions(body, random.Random(number)), SETTINGS) for number in range(10)]
    assert any(
        each.flaw is Flaw.TOO_MANY_PIXELS or (each.width, each.height) not in ((96, 72), (0, 0)) for each in found
    )


def test_entries_of_a_tiff() -> None:
    """Only one field of one entry differs."""
    body = next(seed.body for seed in seeds() if seed.name == "TIFF RGB")
    made = tiff_entry(body, random.Random(3))
    assert len(made) == len(body)
    assert 0 < sum(a != b for a, b in zip(body, made, strict=True)) <= 4


def test_a_number_decides_the_case() -> None:
    """The same seed and number make the same response; descriptions, types and codings vary."""
    cases = [case(5, number) for number in range(300)]
    assert [case(5, number) for number in range(0, 300, 30)] == cases[::30]
    assert case(6, 0) != case(5, 0)
    assert len({each.description for each in cases}) > 290
    coded = Counter(bool(each.codings) for each in cases)
    assert 20 < coded[True] < 80
    assert len({each.content_type for each in cases}) > 10
