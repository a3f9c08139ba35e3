"""Hosts and clients whose images take long."""

from types import SimpleNamespace

import pytest

from edgeward.background.fair_queue import ANY_SOURCE, Source
from edgeward.hashing.hashers import slow_sources as module
from edgeward.hashing.hashers.slow_sources import SlowSources


def test_a_slow_client_is_slow_at_every_host() -> None:
    """And a slow host for every client; others are not."""
    slow = SlowSources()
    slow.add(Source("host", "client"), 5.0)
    assert Source("another", "client") in slow
    assert Source("host", "another") in slow
    assert Source("another", "another") not in slow


def test_the_average_counts() -> None:
    """Quick images make up for a slow one."""
    slow, source = SlowSources(), Source("host", "client")
    slow.add(source, 2.0)
    assert source in slow
    for _ in range(3):
        slow.add(source, 0.01)
    assert source not in slow


def test_it_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute after the last slow image."""
    slow, source = SlowSources(), Source("host", "client")
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 100.0))
    slow.add(source, 5.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 161.0))
    assert source not in slow


def test_it_is_bounded() -> None:
    """However many hosts clients invent; what has no name is not remembered."""
    slow = SlowSources()
    for number in range(2 * module.MAX_REMEMBERED):
        slow.add(Source(f"{number}", "client"), 5.0)
    assert len(slow) == module.MAX_REMEMBERED
    assert Source("any", "client") in slow
    slow.add(ANY_SOURCE, 5.0)
    assert ANY_SOURCE not in slow
