"""When a host pauses, and for how long."""

import pytest

from edgeward.origin_check import host_pauses as module
from edgeward.origin_check.host_pauses import FAILED_REQUESTS, FAILED_TARGETS, HostPauses
from edgeward.origin_check.queue import ServedTarget
from edgeward.types import Target


def served(number: int, host: str = "img.test") -> ServedTarget:
    return ServedTarget(Target("http", host, f"/{number}.jpg"), "ab" * 16, 0)


def fail(pauses: HostPauses, now: float, asked_for: float = 0.0) -> list[bool]:
    return [pauses.note_failure(served(number), now, asked_for) for number in range(FAILED_TARGETS)]


def test_only_several_targets_make_their_host_pause() -> None:
    """One alone, or two, may fail as often as they want while the host answers for others."""
    pauses = HostPauses()
    for _ in range(9):
        assert [pauses.note_failure(served(1), 30), pauses.note_failure(served(2), 30)] == [False, False]
        assert not pauses.note_answer("img.test")
    assert fail(pauses, 100) == [False, False, True]
    assert (pauses.end("img.test", 100), pauses.end("other.test", 100)) == (105, 0)
    assert pauses.note_answer("img.test")
    assert pauses.end("img.test", 100) == 0


def test_a_host_with_one_target_pauses_too() -> None:
    """If it answers nothing at all: people must be told that it is down."""
    pauses = HostPauses()
    found = [pauses.note_failure(served(1), now) for now in range(FAILED_REQUESTS)]
    assert found == [False] * (FAILED_REQUESTS - 1) + [True]


def test_pauses_grow_until_the_host_answers() -> None:
    """Doubled at each attempt that finds it down, however many requests that were; up to a bound."""
    pauses, now, lengths = HostPauses(), 0.0, []
    for _ in range(9):
        fail(pauses, now)
        fail(pauses, now + 0.1)
        lengths.append(pauses.end("img.test", now) - now)
        now = pauses.end("img.test", now)
    assert lengths == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    pauses.note_answer("img.test")
    fail(pauses, now)
    assert pauses.end("img.test", now) - now == 5


@pytest.mark.parametrize(("asked_for", "expected"), [(0, 5), (3, 5), (60, 60), (86400, 300)])
def test_a_host_gets_the_pause_it_asks_for(asked_for: float, expected: float) -> None:
    """Retry-After, within bounds."""
    pauses = HostPauses()
    fail(pauses, 100, asked_for)
    assert pauses.end("img.test", 100) == 100 + expected


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients can make up hosts."""
    monkeypatch.setattr(module, "MAX_HOSTS", 3)
    pauses = HostPauses()
    for number in range(9):
        for path in range(FAILED_TARGETS + 5):
            pauses.note_failure(served(path, f"{number}.test"), 100)
    assert [pauses.end(f"{number}.test", 100) > 0 for number in range(9)] == [False] * 6 + [True] * 3


def test_a_pause_ends_when_the_clock_is_set_back() -> None:
    """It would last for the length of the step. If the host still fails, another begins."""
    pauses = HostPauses()
    assert fail(pauses, 100_000) == [False, False, True]
    assert pauses.end("img.test", 100_004) == 100_005
    assert pauses.end("img.test", 5_000) == 0
    assert pauses.note_failure(served(1), 5_000)
    assert pauses.end("img.test", 5_000) == 5_010
