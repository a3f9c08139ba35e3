"""The generation of a fingerprint."""

import pytest

from edgeward.hashing import fingerprint_generation as module
from edgeward.hashing.fingerprint_generation import current_generation, suffices
from edgeward.settings.config import HashingSettings
from edgeward.types import ALWAYS_MATCHED, View

PLAIN = HashingSettings()
NOTHING = frozenset[View]()


@pytest.mark.parametrize(
    "change", [{"signals": ("sha256", "pdq")}, {"max_frames": 3}, {"min_quality": 40}, {"data_uris": True}]
)
def test_settings_that_change_signals_change_it(change: dict[str, object]) -> None:
    """A setting that changes signals changes the generation; other settings do not."""
    other = current_generation(PLAIN.model_copy(update=change), NOTHING)
    assert not suffices(current_generation(PLAIN, NOTHING), other)
    assert not suffices(other, current_generation(PLAIN, NOTHING))
    assert current_generation(PLAIN.model_copy(update={"timeout_ms": 99}), NOTHING) == current_generation(
        PLAIN, NOTHING
    )


def test_a_new_version_hashes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fingerprint of an older HASHING_VERSION does not suffice."""
    older = current_generation(PLAIN, NOTHING)
    monkeypatch.setattr(module, "HASHING_VERSION", module.HASHING_VERSION + 1)
    assert not suffices(older, current_generation(PLAIN, NOTHING))


def test_more_views_suffice_for_fewer() -> None:
    """An image is hashed again if a list asks for a view it has not, not if a list stops asking."""
    turned, searched = frozenset({View.DIHEDRAL}), frozenset({View.GEOMETRY})
    views = (NOTHING, turned, searched, turned | searched)
    for one in views:
        for other in views:
            assert suffices(current_generation(PLAIN, one), current_generation(PLAIN, other)) is (one >= other)
    assert current_generation(PLAIN, ALWAYS_MATCHED) == current_generation(PLAIN, NOTHING)
    assert all(len(bytes.fromhex(current_generation(PLAIN, one))) == 4 for one in views)
