"""Whether a copy of the lists has all that anybody was told is in force.

The store waits for a replica until LEASE_SECONDS after its last heartbeat. The answer to a later change names it.
So a copy is current if

- a heartbeat that was sent less than LEASE_SECONDS ago was answered: from then on every change waits for this replica;
- it has applied what may have been acknowledged without it before that: up to the version that the store named in the
  first answer after a silence that was longer.

A heartbeat counts from the moment before it is sent: one that was sent before this process stood still, and answered
after, proves nothing about now.
"""

import math
import time

from edgeward.lists.replication import membership


def now() -> float:
    """Seconds on a clock that nobody sets, and that goes on while this process is stopped or the machine suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Freshness:
    """How current one copy of the lists is known to be. Times are those of `now`."""

    def __init__(self) -> None:
        self._contact = self._current_at = -math.inf
        # The version to apply before the copy is current again.
        self._missing: int | None = None

    @property
    def is_current(self) -> bool:
        """Whether all is applied that was acknowledged up to this moment."""
        return self.age <= membership.LEASE_SECONDS

    @property
    def age(self) -> float:
        """How many seconds ago the copy was last known to be current; infinite if it never was."""
        return now() - self._current_at

    @property
    def contact_age(self) -> float:
        """Seconds since the store last answered; infinite if it never has."""
        return now() - self._contact

    @property
    def is_in_touch(self) -> bool:
        """Whether the store has answered lately; it may have named what is not applied yet."""
        return self.contact_age <= membership.LEASE_SECONDS

    def answered(self, sent: float, version: int) -> None:
        """The store has answered the heartbeat that was sent at `sent`, and has this version."""
        # Until now, since the store may have received it only now.
        if not self.is_in_touch:
            self._missing = version
        self._contact = sent
        if self._missing is None:
            self._current_at = sent

    def applied(self, version: int) -> None:
        """All that the store had at this version is applied."""
        if self._missing is not None and version >= self._missing:
            self._missing, self._current_at = None, self._contact
