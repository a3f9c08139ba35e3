"""A copy of the lists is current only if all that may have been acknowledged without it is applied."""

import pytest

from edgeward.lists.replication import freshness as module
from edgeward.lists.replication import membership
from edgeward.lists.replication.freshness import Freshness, now


class Clock:
    """Replaces `now`. Seconds."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(membership, "LEASE_SECONDS", 2.0)
    made = Clock()
    monkeypatch.setattr(module, "now", made)
    return made


def current(clock: Clock, version: int = 7) -> Freshness:
    """A copy that has this version and was current a moment ago."""
    made = Freshness()
    made.answered(clock.time, version)
    made.applied(version)
    assert made.is_current
    return made


def test_a_copy_is_current_when_what_the_first_answer_named_is_applied(clock: Clock) -> None:
    """Before the first answer, and before that version, it is not."""
    copy = Freshness()
    copy.applied(6)
    assert not copy.is_current
    copy.answered(clock.time, 7)
    copy.applied(6)
    assert not copy.is_current
    copy.applied(7)
    assert copy.is_current


def test_an_answer_after_a_silence_proves_nothing_until_its_version_is_applied(clock: Clock) -> None:
    """What was listed meanwhile was acknowledged without this copy. Later answers change nothing about that."""
    copy = current(clock)
    clock.time += 3
    assert not copy.is_current
    copy.answered(clock.time, 9)
    copy.applied(8)
    clock.time += 0.5
    copy.answered(clock.time, 30)
    assert not copy.is_current
    copy.applied(9)
    assert copy.is_current
    assert copy.age == 0


def test_a_heartbeat_counts_from_before_it_was_sent(clock: Clock) -> None:
    """One that was sent before the process stood still, and answered after, does not make the copy current: nor does
    the next one alone, since the first may have reached the store late."""
    copy = current(clock)
    sent = clock.time + 0.5
    clock.time += 3.5
    copy.answered(sent, 8)
    copy.applied(7)
    assert not copy.is_current
    copy.answered(clock.time, 9)
    copy.applied(8)
    assert not copy.is_current
    copy.applied(9)
    assert copy.is_current


def test_changes_wait_for_a_copy_that_reports_in_time(clock: Clock) -> None:
    """So it stays current while it applies them, however long that takes, and no request waits."""
    copy = current(clock)
    for version in range(8, 30):
        clock.time += 0.5
        copy.answered(clock.time, version)
        assert copy.is_current
    clock.time += 2.1
    assert not copy.is_current
    assert copy.age == copy.contact_age == pytest.approx(2.1)


def test_nobody_sets_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the machine's time has no effect."""
    copy = Freshness()
    copy.answered(now(), 0)
    copy.applied(0)
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert copy.is_current
    assert copy.age < 60
