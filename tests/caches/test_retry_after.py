"""Retry-After."""

import pytest

from edgeward.caches.retry_after import MAX_SECONDS, retry_after

NOW = 1_795_390_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("Sun, 22 Nov 2026 23:26:50 GMT", 10.0),
        ("Sunday, 22-Nov-26 23:26:50 GMT", 10.0),
        ("Sun, 22 Nov 2026 23:00:00 GMT", 0.0),
        ("Tue, 23 Nov 2027 00:00:00 GMT", MAX_SECONDS),
        ("9" * 400, MAX_SECONDS),
    ],
)
def test_seconds_and_dates(value: str, seconds: float) -> None:
    """Both forms give seconds, between none and one hour."""
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "²", "Mon, 99 Foo 2026", "Mon, 23 Nov 99999 00:00:00 GMT"])
def test_other_values(value: str) -> None:
    """A value of neither form gives None."""
    assert retry_after(value, NOW) is None
