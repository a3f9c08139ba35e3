"""The report of a run."""

from collections import Counter
from dataclasses import replace

import pytest
from tests.fuzz.deployment import tracebacks
from tests.fuzz.loop_pauses import Pause
from tests.fuzz.report import Report, print_report
from tests.fuzz.sender import Finding

CLEAN = Report(
    images=100,
    wanted=100,
    answers=Counter({200: 99, 503: 1}),
    reasons=Counter({"no_match": 99, "crashed": 1}),
    restarts=Counter({"crashed": 1}),
    findings=[Finding(7, Counter({"crashed": 1}), Counter({"crashed": 1}), "TIFF RGB, entry")],
    pauses=[Pause(0.3, 0.29, 0.01, 0.0)],
    idle=90.0,
    halfway=120.0,
    after=121.0,
    hashers=[100.0],
    ended=[],
    wrong=[],
    defects=[],
)
LOG = """12:00 ERROR the gate failed
Traceback (most recent call last):
  File "gate.py", line 1, in hook
    judge()
ValueError: 1
12:01 INFO quiet
"""


@pytest.mark.parametrize(
    "problem",
    [
        {"wrong": ["case 1: no answer"]},
        {"ended": [123]},
        {"pauses": [Pause(0.06, 0.0, 0.06, 0.0)]},
        {"after": 300.0},
        {"idle": 300.0, "after": 410.0},
        {"hashers": [900.0]},
        {"restarts": Counter({"crashed": 2})},
        {"defects": ["traceback"]},
        {"images": 99},
    ],
    ids=str,
)
def test_a_problem_of_any_kind_fails_the_run(problem: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    """One problem is enough, and the last line says so."""
    report = replace(CLEAN, **problem)  # type: ignore[arg-type]
    print_report(report)
    assert not report.ok
    assert capsys.readouterr().out.splitlines()[-1] == "fuzz: FAILED"


def test_a_case_that_ends_a_hasher_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """It is not a problem: isolation is what hashers are for. Its number, for a replay, is printed."""
    print_report(CLEAN)
    out = capsys.readouterr().out
    assert CLEAN.ok
    assert "case 7: crashed; a hasher ended (crashed); TIFF RGB, entry" in out
    assert out.splitlines()[-1] == "fuzz: every image got a verdict"


def test_tracebacks_of_a_kind_are_reported_once() -> None:
    """The first of each kind, with how many there are."""
    other = LOG.replace("ValueError: 1", "KeyError: 2")
    first, second = tracebacks(LOG + LOG.replace("ValueError: 1", "ValueError: 3") + other)
    assert first.startswith("2 times: Traceback")
    assert first.endswith("ValueError: 1")
    assert second.endswith("KeyError: 2")
