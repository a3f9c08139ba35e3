"""The plan of a run."""

from itertools import pairwise

from tests.chaos.fault_injection import Fault, FaultInjector, plan

TARGETS = ["cache", "controller", "store", "worker"]


class Recorded:
    """A component that records what is done to it."""

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


def test_a_seed_decides_the_plan() -> None:
    """One seed always gives the same plan, another seed another."""
    assert list(plan(7, 300, TARGETS)) == list(plan(7, 300, TARGETS))
    assert list(plan(7, 300, TARGETS)) != list(plan(8, 300, TARGETS))


def test_five_minutes_reach_every_component() -> None:
    """Faults come every one to three seconds until time is up, and every component is killed and frozen."""
    faults = list(plan(1, 300, TARGETS))
    pauses = [late.at - early.at for early, late in pairwise(faults)]
    assert min(pauses) >= 1
    assert max(pauses) <= 3
    assert 297 <= faults[-1].at < 300
    assert {(fault.kind, fault.target) for fault in faults} == {(k, v) for k in ("kill", "freeze") for v in TARGETS}


def test_every_component_is_up_again() -> None:
    """After the last fault, what was killed is started again and what was frozen is resumed."""
    component = Recorded()
    injector = FaultInjector({"cache": component}, 1, 0)
    injector.inject([Fault(0, "cache", "kill", 0.01), Fault(0.1, "cache", "freeze", 0.01)])
    assert component.calls == ["kill", "start", "pause", "resume"]
    assert injector.injected == {("kill", "cache"): 1, ("freeze", "cache"): 1}


def test_nothing_fails_while_all_must_be_up() -> None:
    """A fault that is due meanwhile is left out; the next one comes."""
    component = Recorded()
    injector = FaultInjector({"cache": component}, 1, 0)
    with injector.all_up():
        injector.inject([Fault(0, "cache", "kill", 0.01)])
    assert component.calls == []
    injector.inject([Fault(0, "cache", "kill", 0.01)])
    assert component.calls == ["kill", "start"]
