"""Purges of one object by several calls at the same time."""

from edgeward.caches.concurrent_purges import ConcurrentPurges


def test_nothing_is_known_where_another_may_have_removed_it() -> None:
    """Whichever ends first. Calls one after the other, and of other objects, do not concern each other."""
    purges = ConcurrentPurges()
    purges.begin(["a", "b"])
    purges.begin(["a"])
    assert purges.end("a", 1) == 1
    assert purges.end("a", 0) is None
    assert purges.end("b", 0) == 0
    for _ in range(2):
        purges.begin(["a"])
    assert purges.end("a", 0) is None
    assert purges.end("a", 2) == 2
    purges.begin(["a"])
    assert purges.end("a", 0) == 0


def test_what_is_not_known_stays_so() -> None:
    """A call that failed, or that does not count."""
    purges = ConcurrentPurges()
    purges.begin(["a"])
    purges.begin(["a"])
    assert purges.end("a", None) is None
    assert purges.end("a", 0) == 0
