"""What becomes of a purge that a cache refuses, in code and in words."""

from edgeward.types.choices import Delivery

REFUSED_RETRY_SECONDS = 300.0
"""Pause before a refused purge is retried: the configuration may be fixed by then."""
RETRIED = f"retried every {REFUSED_RETRY_SECONDS / 60:.0f} minutes"
"""The same for people."""


def with_what_is_next(delivery: str, detail: str) -> str:
    """What a cache said to a purge, and what happens next if it refused it: that ends only when it is fixed."""
    if delivery != Delivery.REFUSED:
        return detail
    return f"{detail}; {RETRIED}" if detail else RETRIED
