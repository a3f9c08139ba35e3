"""How long a copy lingered: from the listing, or the match in transit, to its purge."""

CLOCK_ERROR_SECONDS = 0.05
"""By so much clocks that agree may differ: a purge that seems to be that much too early took no time."""


def linger_between(started_at: float, purged_at: float) -> float | None:
    """Seconds between two times (Unix seconds).

    None, not known: the purge is from before its cause, so the two times are of clocks that differ.
    """
    seconds = purged_at - started_at
    return None if seconds < -CLOCK_ERROR_SECONDS else max(0.0, seconds)
