"""What a driver waits for, without the waiting, and what a cache may be late with, without its being asked again."""

import pytest

from edgeward.takedown.caches.base import Rate
from edgeward.takedown.caches.local import CONFIRM_SECONDS
from edgeward.takedown.caches.pace import Pace


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a rate limit does not allow at once is owed, however long an answer may take (`timeout_ms` is for both)."""
    original = Pace.__init__

    def begin(self: Pace, rate: Rate, patience: float) -> None:
        original(self, rate, 0)

    monkeypatch.setattr(Pace, "__init__", begin)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many requests none is made twice because a cache stands still for a moment: what it counted would be lost."""
    monkeypatch.setattr("edgeward.takedown.caches.wire.PATIENCE_SECONDS", 60)


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether an invalidation is complete is asked without much of a pause."""
    monkeypatch.setattr("edgeward.takedown.caches.vendor.FIRST_POLL_SECONDS", 0.01)


@pytest.fixture
def quick_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never goes is asked for as often as ever, without much of a pause."""
    for module in ("local", "purge_method"):
        monkeypatch.setattr(f"edgeward.takedown.caches.{module}.CONFIRM_SECONDS", (0.001,) * len(CONFIRM_SECONDS))
