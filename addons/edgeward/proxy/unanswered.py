"""What a request that nobody has answered means for the caches: no headers of a response were seen, by no worker.

A cache can't have stored a response that never began. Whether one may still begin for it, by another way than through
Edgeward, depends on the placement and on the caches.
"""

from enum import Enum, auto

from edgeward.caches import DRIVERS
from edgeward.settings.config import Config


class Unanswered(Enum):
    """What makes it known that no copy is left of it."""

    NEVER_STORED = auto()
    """`fill`: Edgeward is the cache's only way to the origin, and has ended the exchange."""
    PURGE_WAITS = auto()
    """`front`, and at each cache a purge waits for a fetch in progress: a purge that is ordered now removes what comes
    of it."""
    ASKED_AGAIN = auto()
    """`front`, at any other cache: only asking it again shows whether it has stored something by now."""


def origin_seconds(config: Config) -> float:
    """Longest that any of the caches waits for the headers of an origin's response."""
    seconds = {driver.name: driver.abilities.origin_seconds for driver in DRIVERS}
    return max((seconds[cache.driver] for cache in config.caches), default=0.0)


def unanswered_in(config: Config) -> Unanswered:
    """Which of them holds for a worker with these settings."""
    if config.proxy.placement == "fill":
        return Unanswered.NEVER_STORED
    waits = {driver.name: driver.abilities.waits for driver in DRIVERS}
    return Unanswered.PURGE_WAITS if all(waits[cache.driver] for cache in config.caches) else Unanswered.ASKED_AGAIN
