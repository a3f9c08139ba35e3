"""Says once in the log that the upstream's responses come out of a cache that no [[caches]] section purges."""

import logging
from collections.abc import Mapping

from edgeward.caches.response_signs import unpurged_sign
from edgeward.settings.config import Config

logger = logging.getLogger(__name__)

FIRST_RESPONSES = 100
"""So many are looked at, ..."""
EACH = 64
"""... and then one of so many: the cache may be put there later."""


class UpstreamCacheLog:
    """Looks at the responses of one worker's upstream until it has found such a cache."""

    def __init__(self, config: Config) -> None:
        self._upstream, self._caches = config.proxy.upstream, config.caches
        self._in_front = config.proxy.placement == "front"
        self._seen = 0
        self._logged = False

    def look(self, headers: Mapping[str, str]) -> None:
        """`headers`: of a response of the upstream, in a mapping that ignores case."""
        self._seen += 1
        if self._logged or (self._seen > FIRST_RESPONSES and self._seen % EACH):
            return
        if sign := unpurged_sign(headers, self._upstream, self._caches, self._in_front):
            self._logged = True
            logger.warning(
                "a response of proxy.upstream came out of a cache (%s) that no [[caches]] section purges: what is "
                'purged may come back from there (docs/deployment.md, "A cache behind the upstream")', sign,
            )  # fmt: skip
