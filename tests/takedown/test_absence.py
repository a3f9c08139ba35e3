"""What the log says about a store that is away."""

import pytest

from edgeward.takedown.absence import Absence


def test_says_each_thing_once(caplog: pytest.LogCaptureFixture) -> None:
    """However often the store does not answer, or does, the log has one line for each change."""
    absence = Absence("retro")
    absence.over()
    for _ in range(2):
        absence.note(ConnectionError())
        absence.note(ConnectionError())
        absence.over()
        absence.over()
    assert [record.getMessage() for record in caplog.records] == [
        "retro: the store is away, trying again: ConnectionError",
        "retro: the store is back",
    ] * 2
