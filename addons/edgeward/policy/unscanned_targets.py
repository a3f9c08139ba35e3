"""The URLs at which scanning is off (`[[scan_exceptions]]`). Responses there pass: nothing of them is looked at, hashed
or recorded.

Servers read one URL in different ways (url_normalization.readings). Scanning is off only where every reading of the
path is below one of the paths, so that no spelling makes the rest of a host go unscanned.
"""

from collections.abc import Iterable, Sequence

from edgeward.settings.scan_settings import ScanException
from edgeward.sightings.url_normalization import normalized_host, readings
from edgeward.types import Target
from edgeward.types.url_patterns import is_below, is_one_of

MAX_NAMED = 5
"""Hosts and paths that are named to people at most."""


class UnscannedTargets:
    """Tells the targets that are not scanned. `in` is true of those."""

    def __init__(self, exceptions: Sequence[ScanException]) -> None:
        self._exceptions = tuple(exceptions)

    def __contains__(self, target: Target) -> bool:
        if not self._exceptions:
            return False
        host = normalized_host(target.host)
        found = [each for each in self._exceptions if is_one_of(host, each.hosts)]
        if not found:
            return False
        paths = [path for each in found for path in each.paths]
        is_whole = any(not each.paths for each in found)
        return is_whole or all(is_below(path, paths) for path in readings(target))

    def named(self, hosts: Iterable[str] | None = None) -> list[str]:
        """The hosts, with the paths, for people: "a.example" or "b.example/private/"; at most MAX_NAMED and "...".

        Args:
            hosts: only exceptions that hold for one of these; None: all.
        """
        asked = None if hosts is None else [normalized_host(host) for host in hosts]
        found = dict.fromkeys(
            f"{pattern}{path}"
            for each in self._exceptions
            for pattern in each.hosts
            if asked is None or any(is_one_of(host, (pattern,)) for host in asked)
            for path in each.paths or ("",)
        )
        return [*list(found)[:MAX_NAMED], *(["..."] if len(found) > MAX_NAMED else [])]
