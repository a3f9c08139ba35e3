"""What a run came to."""

from collections import Counter
from dataclasses import replace

import pytest
from tests.fuzz.barrage import Finding
from tests.fuzz.pauses import Pause
from tests.fuzz.report import Report, print_report
from tests.fuzz.site import tracebacks

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
    "fault",
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
def test_a_fault_of_any_kind_fails_the_run(fault: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    """One fault is enough, and the last line says so."""
    report = replace(CLEAN, **fault)  # type: ignore[arg-type]
    print_report(report)
    assert not report.ok
    assert capsys.readouterr().out.splitlines()[-1] == "fuzz: FAILED"


def test_what_a_hasher_died_of_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """It is no fault, as isolation is there for it; the number that plays it again is printed."""
    print_report(CLEAN)
    out = capsys.readouterr().out
    assert CLEAN.ok
    assert "case 7: crashed; a hasher ended (crashed); TIFF RGB, entry" in out
    assert out.splitlines()[-1] == "fuzz: every image had its verdict"


def test_tracebacks_of_a_kind_are_told_once() -> None:
    """The first of each, with how many there are."""
    other = LOG.replace("ValueError: 1", "KeyError: 2")
    first, second = tracebacks(LOG + LOG.replace("ValueError: 1", "ValueError: 3") + other)
    assert first.startswith("2 times: Traceback")
    assert first.endswith("ValueError: 1")
    assert second.endswith("KeyError: 2")
