"""The log of an upstream that can't be reached."""

import pytest
from tests.support.logs import own_messages

from edgeward.proxy import upstream_log
from edgeward.proxy.upstream_log import UpstreamLog


def test_one_line_when_it_begins_and_one_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    """However many requests fail in between; and again at the next outage."""
    log = UpstreamLog()
    log.answered()
    assert own_messages(caplog) == []
    for _ in range(2):
        for _ in range(100):
            log.failed("connection refused")
        log.answered()
        log.answered()
    assert len(own_messages(caplog)) == 4
    assert "connection refused" in own_messages(caplog)[0]
    assert "after 100 failed requests" in own_messages(caplog)[1]


def test_a_long_outage_is_repeated(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the number of requests so far."""
    monkeypatch.setattr(upstream_log, "REPEAT_SECONDS", 0.0)
    log = UpstreamLog()
    for _ in range(3):
        log.failed("time-out")
    assert own_messages(caplog)[-1].endswith(": 3")
