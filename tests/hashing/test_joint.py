"""What is composed of a picture's dhash and PDQ: of the same picture, each once, bounded."""

import pytest

from edgeward.hashing import joint
from edgeward.hashing.joint import joined
from edgeward.types import Signal, View


def pdq(name: str, view: View = View.STORED, frame: int = 0) -> Signal:
    return Signal("pdq", name * 64, 90, view, frame)


def dhash(name: str, view: View = View.STORED, frame: int = 0) -> Signal:
    return Signal("dhash", name * 16, None, view, frame)


def made(dhash_name: str, pdq_name: str, view: View = View.STORED, frame: int = 0) -> Signal:
    return Signal("pdq-dhash", dhash_name * 16 + pdq_name * 64, 90, view, frame)


@pytest.mark.parametrize("signals", [(), (pdq("a"),), (dhash("a"),), (pdq("a"), dhash("b", frame=1))])
def test_nothing_is_composed_of_one_alone(signals: tuple[Signal, ...]) -> None:
    """Without a PDQ, or without a dhash of the same frame, there is no value."""
    assert joined(signals) == []


@pytest.mark.parametrize("view", [View.STORED, View.SHOWN, View.INNER])
def test_a_picture_has_its_own(view: View) -> None:
    """Of each view and frame the PDQ goes with the dhash of the same, whichever of them was hashed first."""
    signals = [dhash("1", view), pdq("a", view), Signal("md5", "ab" * 16), pdq("b", view, 7), dhash("2", view, 7)]
    assert joined(signals) == [made("1", "a", view), made("2", "b", view, 7)]


def test_several_pictures_of_one_view_keep_apart() -> None:
    """Pictures within borders come in order; where equal dhashes came only once, each goes with each."""
    inner = [pdq("a", View.INNER), dhash("1", View.INNER), pdq("b", View.INNER), dhash("2", View.INNER)]
    assert joined(inner) == [made("1", "a", View.INNER), made("2", "b", View.INNER)]
    third = joined([*inner, pdq("c", View.INNER)])
    assert set(third) == {made(one, other, View.INNER) for one in "12" for other in "abc"}


def test_what_has_a_pdq_alone_takes_the_dhash_of_the_whole() -> None:
    """What was searched for goes with the dhash as stored and as shown; a smaller copy with that as stored, which it
    is made of. What is turned has none."""
    whole = [pdq("a"), dhash("1"), dhash("2", View.SHOWN)]
    searched = joined([*whole, pdq("b", View.SEARCHED), pdq("c", View.SEARCHED)])
    assert set(searched) == {made("1", "a")} | {made(one, other, View.SEARCHED) for one in "12" for other in "bc"}
    assert joined([*whole, pdq("b", View.SMALLER)]) == [made("1", "a"), made("1", "b", View.SMALLER)]
    assert joined([*whole, pdq("b", View.TURNED)]) == [made("1", "a")]
    assert joined([pdq("b", View.SEARCHED), dhash("1", View.INNER)]) == []


def test_each_comes_once() -> None:
    """A value of the same view and frame is not repeated."""
    assert joined([pdq("a"), dhash("1"), pdq("a"), dhash("1")]) == [made("1", "a")]


def test_no_image_has_more_than_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each goes with each there is an end to it."""
    monkeypatch.setattr(joint, "MOST", 30)
    names = "0123456789abcdef"
    signals = [*(pdq(name, View.INNER) for name in names), *(dhash(name, View.INNER) for name in names[:9])]
    assert len(joined(signals)) == 30
