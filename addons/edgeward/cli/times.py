"""Times in options of commands."""

import argparse
import re
import time
from datetime import UTC, datetime

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def unix_time(text: str) -> float:
    """The value of an option that takes a time: "2h" ago (s, m, h, d, w), or ISO 8601, in UTC if it names no zone.

    Returns:
        Unix seconds, from 0 on.
    """
    ago = _duration(text)
    return _moment(text) if ago is None else max(0.0, time.time() - ago)


def future_time(text: str) -> float:
    """The same for a time to come: "30d" is 30 days from now."""
    duration = _duration(text)
    return _moment(text) if duration is None else time.time() + duration


def _duration(text: str) -> int | None:
    """Seconds; None if it is no duration."""
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", text.strip())
    return int(found[1]) * _UNITS[found[2]] if found else None


def _moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text.strip())
        return max(0.0, (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time, such as 2h, 7d, 2026-12-01 or 2026-12-01T10:30Z"
        ) from None
