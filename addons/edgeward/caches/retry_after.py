"""The header Retry-After: the pause that a cache asks for (RFC 9110, section 10.2.3)."""

import time
from email.utils import parsedate_to_datetime

MAX_SECONDS = 3600.0
"""Maximum delay of a purge, even if a cache asks for more."""


def retry_after(value: str, now: float | None = None) -> float | None:
    """The pause in seconds, from a number of seconds or an HTTP date. None: the value is neither."""
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return min(float(value[:12]), MAX_SECONDS)
    try:
        until = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, until - (time.time() if now is None else now)), MAX_SECONDS)
