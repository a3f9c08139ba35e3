"""What a fingerprint was made with."""

import pytest

from edgeward.config import HashingSettings
from edgeward.hashing import generation as module
from edgeward.hashing.generation import generation, suffices
from edgeward.types import ALWAYS, View

PLAIN = HashingSettings()
NOTHING = frozenset[View]()


@pytest.mark.parametrize(
    "change", [{"signals": ("sha256", "pdq")}, {"max_frames": 3}, {"min_quality": 40}, {"data_uris": True}]
)
def test_what_changes_signals_changes_it(change: dict[str, object]) -> None:
    """Under other settings images are hashed again; others than these change no signal."""
    other = generation(PLAIN.model_copy(update=change), NOTHING)
    assert not suffices(generation(PLAIN, NOTHING), other)
    assert not suffices(other, generation(PLAIN, NOTHING))
    assert generation(PLAIN.model_copy(update={"timeout_ms": 99}), NOTHING) == generation(PLAIN, NOTHING)


def test_a_new_version_hashes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older version made is not taken for what this one would make."""
    older = generation(PLAIN, NOTHING)
    monkeypatch.setattr(module, "HASHING_VERSION", module.HASHING_VERSION + 1)
    assert not suffices(older, generation(PLAIN, NOTHING))


def test_more_views_suffice_for_fewer() -> None:
    """An image is hashed again when a list asks for a view that it was not looked at in, not when one stops asking."""
    turned, searched = frozenset({View.TURNED}), frozenset({View.SEARCHED})
    views = (NOTHING, turned, searched, turned | searched)
    for one in views:
        for other in views:
            assert suffices(generation(PLAIN, one), generation(PLAIN, other)) is (one >= other)
    assert generation(PLAIN, ALWAYS) == generation(PLAIN, NOTHING)
    assert all(len(bytes.fromhex(generation(PLAIN, one))) == 4 for one in views)
