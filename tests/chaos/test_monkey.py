"""The plan of a run."""

from itertools import pairwise

from tests.chaos.monkey import Blow, Monkey, plan

VICTIMS = ["cache", "controller", "store", "worker"]


class Recorded:
    """A part that writes down what is done to it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def kill(self) -> None:
        self.calls.append("kill")

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")


def test_a_seed_is_a_plan() -> None:
    """One seed gives one plan, another seed another."""
    assert list(plan(7, 300, VICTIMS)) == list(plan(7, 300, VICTIMS))
    assert list(plan(7, 300, VICTIMS)) != list(plan(8, 300, VICTIMS))


def test_five_minutes_strike_everything() -> None:
    """Blows fall every one to three seconds until the time is up, and every part is killed and frozen."""
    blows = list(plan(1, 300, VICTIMS))
    pauses = [late.at - early.at for early, late in pairwise(blows)]
    assert min(pauses) >= 1
    assert max(pauses) <= 3
    assert 297 <= blows[-1].at < 300
    assert {(blow.kind, blow.victim) for blow in blows} == {(k, v) for k in ("kill", "freeze") for v in VICTIMS}


def test_what_was_struck_is_up_again() -> None:
    """When the last blow has fallen, what was killed is started and what was frozen is thawed."""
    part = Recorded()
    monkey = Monkey({"cache": part}, 1, 0)
    monkey.follow([Blow(0, "cache", "kill", 0.01), Blow(0.1, "cache", "freeze", 0.01)])
    assert part.calls == ["kill", "start", "pause", "resume"]
    assert monkey.done == {("kill", "cache"): 1, ("freeze", "cache"): 1}
