"""The log of a store outage."""

import pytest
from tests.support.logs import own_messages

from edgeward.background.outage_log import OutageLog


def test_logs_each_change_once(caplog: pytest.LogCaptureFixture) -> None:
    """However many calls fail or succeed, the log has one line for each change."""
    outage_log = OutageLog("sweep")
    outage_log.recovered()
    for _ in range(2):
        outage_log.failed(ConnectionError())
        outage_log.failed(ConnectionError())
        outage_log.recovered()
        outage_log.recovered()
    assert (
        own_messages(caplog)
        == [
            "sweep: the store is unavailable, trying again: ConnectionError",
            "sweep: the store is available again",
        ]
        * 2
    )


def test_logs_what_is_done_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    """The first line says what the one who needs the store does, as of that moment."""
    version = 7
    outage_log = OutageLog("replica", lambda: f"going on with version {version}")
    version = 8
    outage_log.failed(TimeoutError())
    assert own_messages(caplog) == ["replica: the store is unavailable, going on with version 8: TimeoutError"]
