"""What a run came to."""

import pytest
from tests.disturb.report import print_report, succeeded
from tests.disturb.rounds import Round

CLEAN = Round(7, seconds=60.0, passed=3, collected=3, stops=20)


def test_failures_of_every_round_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with the seed of its round, and the last line says that the run failed."""
    print_report([CLEAN, Round(8, passed=2, failed=["tests/a.py::test_a"], collected=3)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "disturb: seed 7: 3 passed, 0 failed, 0 skipped, 0 not run in 60 s; 20 processes stopped"
    assert lines[-2:] == ["disturb: failed with seed 8: tests/a.py::test_a", "disturb: FAILED"]


@pytest.mark.parametrize("bad", [Round(8, passed=1, failed=["t"]), Round(8, passed=1, broken=True)])
def test_one_bad_round_fails_the_run(bad: Round) -> None:
    """A failed test does, and pytest that fails itself."""
    assert succeeded([CLEAN])
    assert not succeeded([CLEAN, bad])


def test_a_run_without_a_test_does_not_pass() -> None:
    """Where nothing passed, nothing was shown."""
    assert not succeeded([Round(7)])
