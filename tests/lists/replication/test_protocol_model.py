"""No listed image is served by a check that began after an acknowledgement, unless that named the process."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.lists.replication.protocol_model import SCRIPTS, ProtocolModel, Rules, with_model_time

from edgeward.lists.replication import membership
from edgeward.lists.replication import membership_scripts as scripts

EXAMPLES = 60
MOST_EXAMPLES = 2000
"""Until a broken rule is found."""
RUN = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), stateful_step_count=30)


@pytest.fixture
def patched(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Rules], type[ProtocolModel]]:
    """The model with these rules, on the store of the tests."""
    monkeypatch.setattr(membership, "LEASE_SECONDS", 2.0)
    texts = [getattr(scripts, name) for name in SCRIPTS]

    def patched(rules: Rules) -> type[ProtocolModel]:
        for name, text in zip(SCRIPTS, with_model_time(texts, rules), strict=True):
            monkeypatch.setattr(scripts, name, text)
        return type("Model", (ProtocolModel,), {"url": redis_url, "rules_kept": rules})

    return patched


@pytest.fixture
def play(patched: Callable[[Rules], type[ProtocolModel]]) -> Callable[[Rules, settings], None]:
    """Plays random steps with these rules."""
    return lambda rules, how: run_state_machine_as_test(patched(rules), settings=how)


def test_the_protocol_keeps_its_promise(play: Callable[[Rules, settings], None]) -> None:
    """Whatever freezes, is cut off, crashes, restarts or is forgotten, and whatever clocks and servers do."""
    play(Rules(), settings(RUN, max_examples=EXAMPLES))


def test_random_steps_find_what_breaks_the_promise(play: Callable[[Rules, settings], None]) -> None:
    """Where silent processes are not named, as they were not."""
    quick = settings(RUN, max_examples=MOST_EXAMPLES, phases=[Phase.generate], derandomize=True)
    with pytest.raises(AssertionError, match="serves"):
        play(Rules(names_silent=False), quick)


def _cut_off(model: ProtocolModel) -> None:
    model.cut_off(0, 6)
    model.list_image()
    model.acknowledge()
    model.check_image(0, 0, after_beat=False)


def _wake_and_ask(model: ProtocolModel) -> None:
    model.freeze_and_forget(0)
    model.list_image()
    model.acknowledge()
    model.bring_back(0)
    model.check_image(0, 0, after_beat=True)


def _wake_with_another_clock(model: ProtocolModel) -> None:
    model.freeze_and_forget(0)
    model.list_image()
    model.acknowledge()
    model.step_machine_clock(0, -300.0)
    model.bring_back(0)
    model.check_image(0, 0, after_beat=False)


def _version_used_twice(model: ProtocolModel) -> None:
    model.copy_store()
    model.list_image()
    model.pass_time(1, True)
    model.fail_over(0.0)
    model.list_image()
    model.send_heartbeat(0, answered=False)
    model.acknowledge()
    model.check_image(0, 0, after_beat=False)


def _restored_without_a_member(model: ProtocolModel) -> None:
    model.end(0, signs_off=True)
    model.copy_store()
    model.restart(0)
    model.pass_time(1, True)
    model.cut_off(0, 6)
    model.fail_over(0.0)
    model.list_image()
    model.acknowledge()
    model.check_image(0, 0, after_beat=False)


def _clock_forward(model: ProtocolModel) -> None:
    model.list_image()
    model.step_store_clock(30.0)
    model.acknowledge()


def _clock_back(model: ProtocolModel) -> None:
    model.end(0, signs_off=False)
    model.step_store_clock(-300.0)
    model.list_image()
    model.pass_time(8, True)
    model.acknowledge()


@pytest.mark.parametrize(
    ("broken", "steps", "how"),
    [
        (Rules(names_silent=False), _cut_off, "serves"),
        (Rules(fresh_when_applied=False), _wake_and_ask, "serves"),
        (Rules(monotonic_age=False), _wake_with_another_clock, "serves"),
        (Rules(compares_changes=False), _version_used_twice, "serves"),
        (Rules(remembers_members=False), _restored_without_a_member, "serves"),
        (Rules(lease_clock=False), _clock_forward, "is not silent"),
        (Rules(lease_clock=False), _clock_back, "is dead"),
    ],
)
def test_each_rule_is_needed(
    patched: Callable[[Rules], type[ProtocolModel]], broken: Rules, steps: Callable[[ProtocolModel], None], how: str
) -> None:
    """Steps that break the promise without it keep the promise with all rules."""
    for rules in (Rules(), broken):
        model = patched(rules)()
        try:
            model.begin()
            if rules == broken:
                with pytest.raises(AssertionError, match=how):
                    steps(model)
            else:
                steps(model)
        finally:
            model.teardown()
