"""The log's two lines about a store that went away and came back, however often it was tried meanwhile."""

import logging

logger = logging.getLogger(__name__)


class Absence:
    """Says once that the store is away, and once that it is back. `who` needs it."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._away = False

    def note(self, error: Exception) -> None:
        """The store did not answer."""
        if not self._away:
            logger.warning("%s: the store is away, trying again: %s", self._who, type(error).__name__)
        self._away = True

    def over(self) -> None:
        """The store answered."""
        if self._away:
            logger.warning("%s: the store is back", self._who)
        self._away = False
