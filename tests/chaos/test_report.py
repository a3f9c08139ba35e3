"""What a run came to."""

from collections import Counter
from dataclasses import replace

import pytest
from tests.chaos.report import Report, print_report

CLEAN = Report(
    blows=Counter({("kill", "store"): 3, ("freeze", "nginx"): 1}),
    troubles=(),
    answers=Counter({200: 90, 451: 10}),
    variants=40,
    works=Counter({"list": 5}),
    promised=5,
    doubtful=0,
    listed=5,
    orders=20,
    acknowledged=8,
    takedowns=2,
    quiet=1.5,
    slowest=0.4,
    cached=30,
    lost=(),
    left=(),
    surprises=(),
    wrong=(),
    defects=(),
)


@pytest.mark.parametrize("kind", ["lost", "left", "surprises", "wrong", "defects"])
def test_a_fault_of_any_kind_fails_the_run(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One fault is enough, and it is printed."""
    assert CLEAN.ok
    report = replace(CLEAN, **{kind: ["this went wrong"]})
    print_report(report)
    assert not report.ok
    assert "this went wrong" in capsys.readouterr().out


def test_the_table_counts_the_blows_by_victim(capsys: pytest.CaptureFixture[str]) -> None:
    """How often each part was killed or frozen is in the table, and that nothing is wrong in its last line."""
    print_report(CLEAN)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["kills", "3:", "store", "3"]
    assert lines[1].split() == ["freezes", "1:", "nginx", "1"]
    assert lines[-1] == "chaos: nothing lost, nothing left"
