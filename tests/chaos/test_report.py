"""The report of a run."""

from collections import Counter
from dataclasses import replace

import pytest
from tests.chaos.report import Report, print_report

CLEAN = Report(
    faults=Counter({("kill", "store"): 3, ("freeze", "nginx"): 1}),
    failed_starts=(),
    answers=Counter({200: 90, 451: 10}),
    variants=40,
    actions=Counter({"list": 5}),
    acknowledged_listings=5,
    in_doubt=0,
    listed=5,
    orders=20,
    acknowledged_orders=8,
    takedowns=2,
    quiet_seconds=1.5,
    slowest_seconds=0.4,
    cached=30,
    lost=(),
    left=(),
    violations=(),
    wrong=(),
    defects=(),
)


@pytest.mark.parametrize("kind", ["lost", "left", "violations", "wrong", "defects"])
def test_a_problem_of_any_kind_fails_the_run(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One problem is enough, and it is printed."""
    assert CLEAN.ok
    report = replace(CLEAN, **{kind: ["this went wrong"]})
    print_report(report)
    assert not report.ok
    assert "this went wrong" in capsys.readouterr().out


def test_the_table_counts_faults_by_component(capsys: pytest.CaptureFixture[str]) -> None:
    """The table shows how often each component was killed or frozen; the last line says that nothing is wrong."""
    print_report(CLEAN)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["kills", "3:", "store", "3"]
    assert lines[1].split() == ["freezes", "1:", "nginx", "1"]
    assert lines[-1] == "chaos: nothing lost, nothing left"
