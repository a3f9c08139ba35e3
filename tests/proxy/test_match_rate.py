"""Matches of one entry within a minute."""

import pytest
from tests.support.eventually import eventually

from edgeward import metrics
from edgeward.proxy import match_rate
from edgeward.proxy.match_rate import MatchRate


def exported() -> float | None:
    return metrics.registry.get_sample_value("edgeward_entry_matches_max_per_minute")


def test_the_largest_count_of_the_last_minute() -> None:
    """It is exported when the minute is over, and is 0 after a minute without a match."""
    seconds = [1000.0]
    rate = MatchRate(lambda: seconds[0])
    for _ in range(7):
        rate.add("wide")
    rate.add("other")
    seconds[0] += 60
    rate.publish()
    assert exported() == 7
    seconds[0] += 60
    rate.publish()
    assert exported() == 0


def test_a_match_of_long_ago_is_not_of_the_last_minute() -> None:
    """After two minutes without a look the count is 0."""
    seconds = [1000.0]
    rate = MatchRate(lambda: seconds[0])
    rate.add("a")
    seconds[0] += 180
    rate.publish()
    assert exported() == 0


def test_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries beyond the limit are not counted; those within it are."""
    monkeypatch.setattr(match_rate, "MAX_ENTRIES", 2)
    seconds = [1000.0]
    rate = MatchRate(lambda: seconds[0])
    for entry_id in ("a", "b", "c", "c", "c", "b"):
        rate.add(entry_id)
    seconds[0] += 60
    rate.publish()
    assert exported() == 2


async def test_it_is_published_without_a_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """A surge ends in the metrics too when no request comes any more."""
    monkeypatch.setattr(match_rate, "TICK_SECONDS", 0.01)
    seconds = [1000.0]
    rate = MatchRate(lambda: seconds[0])
    rate.add("a")
    await rate.start()
    seconds[0] += 60
    await eventually(lambda: exported() == 1, "the count is exported")
    seconds[0] += 60
    await eventually(lambda: exported() == 0, "the end is exported")
    await rate.close()
