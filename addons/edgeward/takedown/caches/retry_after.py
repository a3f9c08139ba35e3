"""The header Retry-After: how long a cache asks to be left alone (RFC 9110, section 10.2.3)."""

import time
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 3600.0
"""A purge is never put off for longer, whatever a cache asks for."""


def retry_after(value: str, now: float | None = None) -> float | None:
    """Seconds that a Retry-After asks for, as a number of seconds or as an HTTP date. None: it says nothing."""
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return min(float(value[:12]), LONGEST_SECONDS)
    try:
        until = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, until - (time.time() if now is None else now)), LONGEST_SECONDS)
