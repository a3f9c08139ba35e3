"""What a test has logged, apart from what others log."""

import logging
import threading

import pytest


def own_records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Records of the thread of the test. Controllers of other tests may still run in threads of their own."""
    return [record for record in caplog.records if record.thread == threading.get_ident()]


def own_messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The texts of these."""
    return [record.getMessage() for record in own_records(caplog)]
