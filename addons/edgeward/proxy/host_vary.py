"""Which request headers the responses of a host have named in Vary: by these its caches may store variants.

Of a request whose header was not recorded (request_record.py) it is known what caches have stored, unless its host is
known to vary by that header: without such a Vary, caches store and look up without it (RFC 9111, 4.1).
"""

from collections.abc import Collection, Sequence

from edgeward.proxy.request_record import ALWAYS_RECORDED, ORDINARY
from edgeward.types import UNKNOWN_VARY

MAX_HOSTS = 1000
MAX_NAMES = 64
"""Of one host."""
MAX_NAME_LENGTH = 256


class HostVary:
    """What one worker has learnt. Nothing is forgotten: what does not fit counts for every host."""

    def __init__(self) -> None:
        self._by_host: dict[str, set[str]] = {}
        self._of_all = set[str]()

    def learn(self, host: str, names: Sequence[str]) -> None:
        """A response of this host has named these in its Vary, in lower case."""
        known = self._by_host.get(host, ())
        for name in names:
            # What is ordinary, all responses of a target name that vary by it; see TargetCache.
            if name not in ALWAYS_RECORDED and name not in known and not ORDINARY.fullmatch(name):
                self._add(host, name)
                known = self._by_host.get(host, ())

    def names(self, host: str) -> Collection[str]:
        """The names in lower case. Those that are always recorded or ordinary are left out."""
        return self._by_host.get(host, set[str]()) | self._of_all

    def _add(self, host: str, name: str) -> None:
        name = name if len(name) <= MAX_NAME_LENGTH else UNKNOWN_VARY
        names = self._by_host.get(host, set[str]())
        if len(names) < MAX_NAMES and (names or len(self._by_host) < MAX_HOSTS):
            self._by_host[host] = names | {name}
        elif len(self._of_all) < MAX_NAMES:
            self._of_all.add(name)
        else:
            self._of_all.add(UNKNOWN_VARY)
