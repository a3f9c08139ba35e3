"""The moods of the origin."""

from collections import Counter

import pytest
from tests.chaos.unreliable_origin import MOOD_SECONDS, MOODS, SILENT_SECONDS, UnreliableOrigin


def test_a_seed_decides_the_moods() -> None:
    """Every mood comes, mostly it is fine, and another seed gives others."""
    origin, other = UnreliableOrigin(7), UnreliableOrigin(8)
    moods = [origin.mood("/gallery/1", slot * MOOD_SECONDS) for slot in range(1000)]
    assert moods == [origin.mood("/gallery/1", (slot + 0.5) * MOOD_SECONDS) for slot in range(1000)]
    assert moods != [other.mood("/gallery/1", slot * MOOD_SECONDS) for slot in range(1000)]
    assert moods != [origin.mood("/gallery/2", slot * MOOD_SECONDS) for slot in range(1000)]
    assert set(moods) == set(MOODS)
    assert Counter(moods)["fine"] > 800


def test_errors_are_not_stored_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache keeps no error of the origin. Before the beginning and after the end all is fine."""
    origin = UnreliableOrigin(7)
    fine = origin.put("/gallery/1/a.jpg", b"picture")
    assert origin.resource("/gallery/1/a.jpg") == fine
    origin.begin()
    for mood in MOODS:
        monkeypatch.setattr(origin, "mood", lambda *_, mood=mood: mood)
        found = origin.resource("/gallery/1/a.jpg?w=1")
        assert found
        if mood.isdigit():
            assert (found.status, found.headers) == (int(mood), [("Cache-Control", "no-store")])
        else:
            assert (found.status, found.thought) == (200, SILENT_SECONDS if mood == "silent" else 0.0)
    origin.end()
    assert origin.resource("/gallery/1/a.jpg") == fine
