"""What happened a moment ago."""

import gc
from dataclasses import replace

import pytest

from edgeward.takedown import recent as module
from edgeward.takedown.recent import Recent, oldest, target_key
from edgeward.types import Target

TARGET = Target("http", "img.test", "/a.jpg", (("accept", "image/*"),), 5)


class Clock:
    """Stands still unless it is set."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_forgets_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is recent for its time, and then no longer, unless it is added again."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    recent = Recent(5.0, 10)
    recent.add("a")
    recent.add("again")
    assert "a" in recent and "b" not in recent
    clock.now += 4.9
    assert "a" in recent
    recent.add("again")
    clock.now += 0.2
    assert "a" not in recent and "again" in recent


def test_is_bounded() -> None:
    """The oldest keys make room for new ones."""
    recent = Recent(1000, 2)
    for key in ("a", "b", "a", "c"):
        recent.add(key)
    assert [key in recent for key in ("a", "b", "c")] == [True, False, True]


def test_the_oldest_go_together() -> None:
    """Of many keys the first 64th goes at once, of few one; the newest stay, and never more than there is room for."""
    assert oldest(dict.fromkeys(range(640))) == list(range(10))
    assert oldest({"a": 0, "b": 0}) == ["a"]
    recent = Recent(1000, 640)
    for number in range(2_000):
        recent.add(str(number))
    kept = [number for number in range(2_000) if str(number) in recent]
    assert kept == list(range(kept[0], 2_000))
    assert 630 <= len(kept) <= 640


def test_the_key_of_a_target_is_its_own() -> None:
    """Whatever tells two targets apart, and what is said of them, tells their keys apart; the size does not."""
    others = [
        replace(TARGET, scheme="https"),
        replace(TARGET, host="img.tes"),
        replace(TARGET, path="/a.jpg\udcff"),
        replace(TARGET, path="t/a.jpg", host="img.tes"),
        replace(TARGET, vary=()),
        replace(TARGET, vary=(("accept", "image/*"), ("a", "b"))),
        replace(TARGET, vary=(("accept", "image/*', 'a', 'b"),)),
    ]
    keys = {target_key(target, *more) for target in (TARGET, *others) for more in ((), ("a",), ("a", "b"), ("a', 'b",))}
    assert len(keys) == 4 * (len(others) + 1)
    assert {len(key) for key in keys} == {16}
    assert target_key(replace(TARGET, size=6)) == target_key(TARGET)


def test_the_collector_finds_nothing_in_it() -> None:
    """However many keys are recent, the garbage collector has no more to go through."""
    recent = Recent(1000, 20_000)
    gc.collect()
    before = len(gc.get_objects())
    for number in range(20_000):
        recent.add(b"%d" % number)
    gc.collect()
    assert len(gc.get_objects()) - before < 1_000
