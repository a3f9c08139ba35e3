"""Logs a store outage in two lines: when it begins and when it ends, however many calls fail in between."""

import logging
from collections.abc import Callable

from edgeward.errors import LaterRelease

logger = logging.getLogger(__name__)


class OutageLog:
    """Logs once that the store is unavailable, and once that it is available again.

    Args:
        who: needs the store; each line begins with it.
        doing: says what `who` does meanwhile.
    """

    def __init__(self, who: str, doing: Callable[[], str] = lambda: "trying again") -> None:
        self._who, self._doing = who, doing
        self._away = False

    def failed(self, error: Exception) -> None:
        """A call to the store failed."""
        if not self._away and isinstance(error, LaterRelease):
            logger.error("%s: %s, %s", self._who, self._doing(), error)
        elif not self._away:
            # Only the type: the message of a Redis error may hold keys, and so URLs.
            logger.warning("%s: the store is unavailable, %s: %s", self._who, self._doing(), type(error).__name__)
        self._away = True

    def recovered(self) -> None:
        """A call to the store succeeded."""
        if self._away:
            logger.warning("%s: the store is available again", self._who)
        self._away = False
