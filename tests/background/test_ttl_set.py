"""A set whose keys expire."""

import pytest
from tests.support.collected import tracked
from tests.support.eventually import until

from edgeward.background import ttl_set as module
from edgeward.background.ttl_set import TtlSet, oldest


class Clock:
    """Stands still unless it is set."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_forgets_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is in the set for its time, and then no longer, unless it is added again."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    ttl_set = TtlSet(5.0, 10)
    ttl_set.add("a")
    ttl_set.add("again")
    assert "a" in ttl_set and "b" not in ttl_set
    clock.now += 4.9
    assert "a" in ttl_set
    ttl_set.add("again")
    clock.now += 0.2
    assert "a" not in ttl_set and "again" in ttl_set


def test_is_bounded() -> None:
    """At its size, the oldest keys are removed for new ones."""
    ttl_set = TtlSet(1000, 2)
    for key in ("a", "b", "a", "c"):
        ttl_set.add(key)
    assert [key in ttl_set for key in ("a", "b", "c")] == [True, False, True]


def test_the_oldest_are_removed_together() -> None:
    """Of many keys the first 64th is removed at once, of few keys one; the newest stay, at most the size."""
    assert oldest(dict.fromkeys(range(640))) == list(range(10))
    assert oldest({"a": 0, "b": 0}) == ["a"]
    ttl_set = TtlSet(1000, 640)
    for number in range(2_000):
        ttl_set.add(str(number))
    left = [number for number in range(2_000) if str(number) in ttl_set]
    assert left == list(range(left[0], 2_000))
    assert 630 <= len(left) <= 640


def test_the_collector_traverses_none_of_it() -> None:
    """However many keys are in it, the garbage collector has no more objects to traverse."""
    ttl_set = TtlSet(1000, 20_000)
    before = tracked()
    for number in range(20_000):
        ttl_set.add(b"%d" % number)
    until(lambda: tracked() - before < 1_000, "the collector finds little")


def test_is_cleared() -> None:
    """No key is in it then."""
    ttl_set = TtlSet(5.0, 10)
    ttl_set.add("a")
    ttl_set.clear()
    assert "a" not in ttl_set


def test_a_key_can_be_removed() -> None:
    """Whether it is there or not."""
    keys = TtlSet(60.0, 9)
    keys.add("a")
    keys.discard("a")
    keys.discard("b")
    assert "a" not in keys
