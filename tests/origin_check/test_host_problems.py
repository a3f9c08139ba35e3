"""The record of hosts with problems."""

import pytest

from edgeward.origin_check import host_problems as module
from edgeward.origin_check.host_answers import HostAnswers
from edgeward.origin_check.host_problems import HostProblem, HostProblems, HostState, counted_by_table
from edgeward.origin_check.queue import ServedTarget
from edgeward.settings.config import Config
from edgeward.store.connection import Store
from edgeward.types import Target

CONFIG = Config.model_validate(
    {"hosts": [{"name": "a.test", "origin": "http://a"}, {"name": "*", "origin": "http://b"}]}
)


@pytest.fixture
def problems(store: Store) -> HostProblems:
    return HostProblems(store, CONFIG)


async def test_each_change_is_told_once(problems: HostProblems, store: Store) -> None:
    """To one of all controllers: that a host is down, and that it is up again."""
    other = HostProblems(store, CONFIG)
    told = [await each.note_down("a.test", "connection refused", now) for each, now in ((problems, 100), (other, 110))]
    assert told == [True, False]
    assert await other.read(120) == [HostProblem("a.test", "a.test", HostState.DOWN, 100, "connection refused")]
    assert [await problems.note_up("a.test"), await other.note_up("a.test")] == [True, False]
    assert await problems.read(120) == []


async def test_a_record_of_a_controller_that_ended_is_forgotten(problems: HostProblems) -> None:
    """After more than the longest pause nobody knows that the host is down; found down again, it is told again."""
    await problems.note_down("a.test", "x", 100)
    assert await problems.read(101 + module.FORGET_SECONDS) == []
    assert await problems.note_down("a.test", "y", 101 + module.FORGET_SECONDS)


async def test_hosts_that_are_held_are_among_them(problems: HostProblems, store: Store) -> None:
    """Until they serve an image again."""
    served = ServedTarget(Target("http", "b.test", "/1"), "ab" * 16, 0)
    answers = HostAnswers(store, 10.0, 3600.0, 0.5)
    await problems.note_down("a.test", "it answers 503", 200)
    await answers.hold(served, 100)
    found = await problems.read(300)
    assert [(each.host, each.table, each.state, each.since) for each in found] == [
        ("b.test", "*", HostState.HELD, 100),
        ("a.test", "a.test", HostState.DOWN, 200),
    ]
    assert counted_by_table(found) == {("*", HostState.HELD): 1, ("a.test", HostState.DOWN): 1}
    await answers.note_served(served, 300)
    assert len(await problems.read(300)) == 1


async def test_the_record_is_bounded(problems: HostProblems, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients can make up hosts, and an origin the text of an error."""
    monkeypatch.setattr(module, "MAX_HOSTS", 3)
    for number in range(9):
        await problems.note_down(f"{number}.test", "x" * 10_000, 100)
    found = await problems.read(100)
    assert len(found) == 3
    assert {len(each.detail) for each in found} == {module.MAX_PROBLEM_LENGTH}
