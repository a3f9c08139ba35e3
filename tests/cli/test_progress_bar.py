"""A line of progress."""

import sys

import pytest

from edgeward.cli import progress_bar as module
from edgeward.cli.progress_bar import ProgressBar, progress_line


def test_a_line() -> None:
    """Stage, share, numbers, rate and time left, as far as they are known."""
    assert progress_line("listing", 500, 2000, "hashes", 10.0, 500) == (
        "listing     [######                  ]  25%  500 of 2,000 hashes  50 hashes/s  0:31 left"
    )
    assert progress_line("sending", 2_500_000, 0, "B", 0.1, 2_500_000) == "sending     2.5 MB"
    line = progress_line("reading", 1000, 3 * 10**7, "B", 1.0, 1000)
    assert line.endswith("1.0 kB of 30.0 MB  1.0 kB/s  8:20:00 left")
    assert "left" not in progress_line("purging", 7, 0, "purges", 5.0, 7)


def test_it_is_shown_at_a_terminal_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line in place of the one before it, not more often than people can read; at the end it goes."""
    bar = ProgressBar()
    bar.show("sending", 1, 2)
    bar.end()
    assert (bar.is_shown, capsys.readouterr().err) == (False, "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert not ProgressBar(wanted=False).is_shown
    bar = ProgressBar()
    bar.show("sending", 1, 2)
    bar.show("sending", 2, 2)
    assert capsys.readouterr().err.count("\r") == 1
    monkeypatch.setattr(module, "SHOWN_EVERY_SECONDS", 0.0)
    bar.show("a", 1)
    bar.end()
    bar.end()
    shown = capsys.readouterr().err.split("\r")
    assert [each.strip() for each in shown] == ["", "a           1", "", ""]
    assert len(shown[1]) == len(shown[2].ljust(len(shown[1])))
