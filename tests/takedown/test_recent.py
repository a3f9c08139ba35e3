"""What happened a moment ago."""

import time

from edgeward.takedown.recent import Recent


def test_forgets_after_its_time() -> None:
    """A key is recent for its time, and then no longer."""
    recent = Recent(0.05, 10)
    recent.add("a")
    assert "a" in recent and "b" not in recent
    time.sleep(0.06)
    assert "a" not in recent


def test_is_bounded() -> None:
    """The oldest keys make room for new ones."""
    recent = Recent(100, 2)
    for key in ("a", "b", "a", "c"):
        recent.add(key)
    assert [key in recent for key in ("a", "b", "c")] == [True, False, True]
