"""`pdq-dhash` values: each made of the dhash and PDQ of one picture, distinct, and limited in number."""

import pytest

from edgeward.hashing import composite
from edgeward.hashing.composite import with_composites
from edgeward.types import Signal, View


def pdq(name: str, view: View = View.STORED, frame: int = 0) -> Signal:
    return Signal("pdq", name * 64, 90, view, frame)


def dhash(name: str, view: View = View.STORED, frame: int = 0) -> Signal:
    return Signal("dhash", name * 16, None, view, frame)


def made(dhash_name: str, pdq_name: str, view: View = View.STORED, frame: int = 0) -> Signal:
    return Signal("pdq-dhash", dhash_name * 16 + pdq_name * 64, 90, view, frame)


@pytest.mark.parametrize("signals", [(), (pdq("a"),), (dhash("a"),), (pdq("a"), dhash("b", frame=1))])
def test_both_components_are_needed(signals: tuple[Signal, ...]) -> None:
    """Without a PDQ, or without a dhash of the same frame, there is no value."""
    assert with_composites(signals) == []


@pytest.mark.parametrize("view", [View.STORED, View.SHOWN, View.INNER])
def test_a_picture_has_its_own(view: View) -> None:
    """In each view and frame the PDQ goes with the dhash of the same, whichever comes first."""
    signals = [dhash("1", view), pdq("a", view), Signal("md5", "ab" * 16), pdq("b", view, 7), dhash("2", view, 7)]
    assert with_composites(signals) == [made("1", "a", view), made("2", "b", view, 7)]


def test_pictures_of_one_view_are_paired_in_order() -> None:
    """Pictures of one view are paired in order; if one dhash was dropped as a duplicate, each is paired with each."""
    inner = [pdq("a", View.INNER), dhash("1", View.INNER), pdq("b", View.INNER), dhash("2", View.INNER)]
    assert with_composites(inner) == [made("1", "a", View.INNER), made("2", "b", View.INNER)]
    third = with_composites([*inner, pdq("c", View.INNER)])
    assert set(third) == {made(one, other, View.INNER) for one in "12" for other in "abc"}


def test_views_with_pdqs_only_take_the_dhash_of_the_whole() -> None:
    """GEOMETRY PDQs go with the dhashes as stored and as shown; SMALLER ones with that as stored, of which they are
    copies; DIHEDRAL ones with none."""
    whole = [pdq("a"), dhash("1"), dhash("2", View.SHOWN)]
    searched = with_composites([*whole, pdq("b", View.GEOMETRY), pdq("c", View.GEOMETRY)])
    assert set(searched) == {made("1", "a")} | {made(one, other, View.GEOMETRY) for one in "12" for other in "bc"}
    assert with_composites([*whole, pdq("b", View.SMALLER)]) == [made("1", "a"), made("1", "b", View.SMALLER)]
    assert with_composites([*whole, pdq("b", View.DIHEDRAL)]) == [made("1", "a")]
    assert with_composites([pdq("b", View.GEOMETRY), dhash("1", View.INNER)]) == []


def test_each_comes_once() -> None:
    """A value of the same view and frame is not repeated."""
    assert with_composites([pdq("a"), dhash("1"), pdq("a"), dhash("1")]) == [made("1", "a")]


def test_values_per_image_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """If each is paired with each, the number of values is limited."""
    monkeypatch.setattr(composite, "MAX_VALUES_PER_IMAGE", 30)
    names = "0123456789abcdef"
    signals = [*(pdq(name, View.INNER) for name in names), *(dhash(name, View.INNER) for name in names[:9])]
    assert len(with_composites(signals)) == 30
