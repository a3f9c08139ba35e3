"""Fixtures that shorten the pauses of drivers, or keep a slow machine from causing repeated requests."""

import pytest

from edgeward.caches.base import Rate
from edgeward.caches.rate_limit import RateLimit
from edgeward.caches.self_hosted_driver import REPEAT_PAUSES_SECONDS


@pytest.fixture
def no_rate_limit_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate limit that is used up fails at once. Otherwise it waits for `timeout_ms`, as a response does."""
    original = RateLimit.__init__

    def begin(self: RateLimit, rate: Rate, max_wait_seconds: float) -> None:
        original(self, rate, 0)

    monkeypatch.setattr(RateLimit, "__init__", begin)


@pytest.fixture
def no_stall_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that stalls for a moment is not given up: a purge sent twice would lose the first count."""
    monkeypatch.setattr("edgeward.caches.raw_http.STALL_SECONDS", 60)


@pytest.fixture
def short_poll_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls whether an invalidation is complete without much of a pause."""
    monkeypatch.setattr("edgeward.caches.cdn_driver.FIRST_POLL_SECONDS", 0.01)


@pytest.fixture
def short_repeat_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Purges are repeated as often as usual, without much of a pause."""
    for module in ("self_hosted_driver", "purge_method"):
        monkeypatch.setattr(f"edgeward.caches.{module}.REPEAT_PAUSES_SECONDS", (0.001,) * len(REPEAT_PAUSES_SECONDS))
