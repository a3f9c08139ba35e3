"""Which views of a frame are hashed, and which pictures have too little content."""

import io
import itertools

import numpy as np
import pdqhash
import pytest
from PIL import Image, ImageOps
from tests.hashing.orientations import turned
from tests.hashing.pdq_reference import reference_pdq
from tests.hashing.pictures import distance, encoded, photograph

from edgeward.hashing.decoding.images import Picture
from edgeward.hashing.perceptual.geometry import geometry_variants
from edgeward.hashing.perceptual.source_image import SourceImage
from edgeward.hashing.perceptual.views import DUPLICATE_BITS, Views
from edgeward.settings.config import HashingSettings
from edgeward.types import Signal, View

NOTHING: frozenset[View] = frozenset()
TURNED = frozenset({View.DIHEDRAL})


def signals(
    picture: Image.Image, asked: frozenset[View] = NOTHING, orientation: int = 1, **settings: int
) -> list[Signal]:
    source = SourceImage(Picture(picture, 1, picture.size, orientation=orientation))
    return Views(HashingSettings(**settings)).signals(source, asked)


def pdqs(found: list[Signal], view: View) -> list[str]:
    return [signal.value for signal in found if signal.type == "pdq" and signal.view is view]


def nearest(found: list[Signal], picture: Image.Image, view: View) -> int:
    return min((distance(value, reference_pdq(picture)[0]) for value in pdqs(found, view)), default=256)


def test_an_ordinary_picture_has_one_view() -> None:
    """Without orientation, border and lists that ask for more: as stored, one signal of each type."""
    found = signals(photograph())
    assert [(signal.type, signal.view) for signal in found] == [
        ("pdq", View.STORED),
        ("phash", View.STORED),
        ("dhash", View.STORED),
    ]


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_has_the_signals_of_both(orientation: int) -> None:
    """Stored first, since lists are made with it; then as viewers show it, PDQ equal in every bit."""
    picture = photograph("coffee").resize((400, 300))
    found = signals(picture, orientation=orientation)
    assert [signal.view for signal in found] == [View.STORED] * 3 + [View.SHOWN] * 3
    assert (found[0].value, found[0].quality) == reference_pdq(picture)
    assert (found[3].value, found[3].quality) == reference_pdq(turned(picture, orientation))


def test_dihedral_views_are_made_if_asked_for() -> None:
    """The seven other orientations have the PDQ of the turned picture in every bit, and the quality of this one."""
    for name in ("astronaut", "coffee", "coins"):
        picture = photograph(name).resize((300, 220))
        found = [signal for signal in signals(picture, TURNED) if signal.view is View.DIHEDRAL]
        expected = {reference_pdq(turned(picture, orientation))[0] for orientation in range(2, 9)}
        assert expected <= {signal.value for signal in found}
        assert {signal.type for signal in found} == {"pdq"}
    assert not pdqs(signals(photograph()), View.DIHEDRAL)


def test_the_shown_view_is_not_repeated() -> None:
    """A DIHEDRAL value that equals the shown one is left out: every list matches that anyway."""
    found = signals(photograph("astronaut").resize((400, 300)), TURNED, orientation=6)
    values = [signal.value for signal in found if signal.type == "pdq"]
    assert len(values) == len(set(values)) == 8


def test_a_symmetric_picture_has_fewer_dihedral_views() -> None:
    """Equal values of one view come once."""
    half = np.random.default_rng(1).integers(0, 256, (8, 16), dtype=np.uint8)
    halves = Image.fromarray(np.concatenate([half, half[::-1]])).resize((64, 64), Image.Resampling.BICUBIC)
    found = pdqs(signals(halves, TURNED), View.DIHEDRAL)
    assert len(found) == len(set(found)) < 7


def test_the_reference_is_met_where_mirroring_is_exact() -> None:
    """At 64 x 64 the reference's samples are symmetric: there its own dihedral hashes are equal in every bit."""
    picture = photograph("chelsea").resize((64, 64)).convert("L").convert("RGB")
    vectors, _ = pdqhash.compute_dihedral(np.asarray(picture))
    found = signals(picture, TURNED)
    values = pdqs(found, View.STORED) + pdqs(found, View.DIHEDRAL)
    assert {np.packbits(vector).tobytes().hex() for vector in vectors} == set(values)


@pytest.mark.parametrize("quality", [60, 90])
@pytest.mark.parametrize("colour", ["black", "firebrick"])
@pytest.mark.parametrize("margins", [(0.01,) * 4, (0.25,) * 4, (0, 0.14, 0, 0.14), (0.2, 0, 0.2, 0), (0, 0, 0, 0.1)])
def test_bordered_photographs_are_recognised(margins: tuple[float, ...], colour: str, quality: int) -> None:
    """Borders and bars of 1 to 25 %, compressed afterwards: within the radius of the photograph without."""
    for name in ("astronaut", "coffee", "camera"):
        picture = photograph(name)
        border = tuple(round(share * side) for share, side in zip(margins, picture.size * 2, strict=True))
        body = encoded(ImageOps.expand(picture, border, colour), "JPEG", quality=quality)
        with Image.open(io.BytesIO(body)) as framed:
            found = signals(framed.convert("RGB"))
        assert min(nearest(found, picture, View.INNER), nearest(found, picture, View.STORED)) <= 31, name


def test_a_bordered_picture_is_turned_too() -> None:
    """Border and orientation together: the inner picture as it is shown, and its mirrored views."""
    picture = photograph("astronaut").resize((400, 300))
    framed = ImageOps.expand(picture, 30, "white")
    found = signals(framed, TURNED, orientation=8)
    assert nearest(found, turned(picture, 8), View.INNER) == 0
    assert nearest(found, turned(picture, 2), View.DIHEDRAL) == 0


def test_a_thin_border_adds_nothing() -> None:
    """An inner picture within DUPLICATE_BITS of the whole, or of another one, is not hashed."""
    for border in (1, 2, 3, 20):
        framed = signals(ImageOps.expand(photograph("rocket"), border, "black"))
        values = pdqs(framed, View.STORED) + pdqs(framed, View.INNER)
        assert all(distance(one, other) > DUPLICATE_BITS for one, other in itertools.combinations(values, 2))


def test_each_picture_is_judged_by_itself() -> None:
    """A flat area around a picture has no signals, but the picture in it has; flat pictures have none at all."""
    canvas = Image.new("RGB", (1500, 1500), "white")
    canvas.paste(photograph("astronaut").resize((150, 150)), (600, 700))
    assert {signal.view for signal in signals(canvas)} == {View.INNER}
    assert signals(Image.new("RGB", (300, 300), "teal")) == []
    assert signals(Image.linear_gradient("L")) == []


def test_the_limit_of_quality_is_a_setting() -> None:
    """min_quality = 0 keeps flat pictures' hashes, 100 drops those of nearly all pictures."""
    assert signals(Image.linear_gradient("L")) == []
    assert signals(Image.linear_gradient("L"), min_quality=0)[0].type == "pdq"
    dull = Image.blend(photograph("coffee"), Image.new("RGB", photograph("coffee").size, "grey"), 0.85)
    quality = reference_pdq(dull)[1]
    assert 0 < quality < 100
    assert pdqs(signals(dull, min_quality=quality), View.STORED)
    assert not pdqs(signals(dull, min_quality=quality + 1), View.STORED)


def test_geometry_views_are_made_if_asked_for() -> None:
    """The values of `geometry_variants`, of the whole picture as stored and as shown; none if not asked for."""
    picture = photograph("coffee").resize((300, 200))
    wanted = {*geometry_variants(picture), *geometry_variants(turned(picture, 6))}
    found = pdqs(signals(picture, frozenset({View.GEOMETRY}), orientation=6), View.GEOMETRY)
    assert len(found) == len(set(found)) > 10
    assert set(found) <= wanted
    assert not pdqs(signals(picture, TURNED), View.GEOMETRY)
