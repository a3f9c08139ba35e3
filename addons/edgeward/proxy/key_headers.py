"""Request headers by which a CDN tells copies apart although no Vary names them: part of the target, for its purges.

Any client can send any number of values. Of each target a few are recorded; the next ones stand for all others.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from mitmproxy import http

from edgeward.caches.cloudflare import headers_of_every_key
from edgeward.proxy.request_record import PRIVATE
from edgeward.settings.cache_settings import CacheSettings
from edgeward.types import UNKNOWN_KEY_HEADERS, Target, target_key

MAX_VALUES = 8
"""Combinations of values that are recorded of one target."""
MAX_TARGETS = 4096
MAX_BYTES = 1024
"""Of the names and values of one request."""

type Pairs = tuple[tuple[str, str], ...]


class KeyHeaders:
    """Those of one worker. Without a CDN of this kind among `caches` it does nothing."""

    def __init__(self, caches: Iterable[CacheSettings]) -> None:
        self._names = frozenset(name.encode() for name in headers_of_every_key(caches))
        self._seen: OrderedDict[bytes, set[Pairs]] = OrderedDict()

    def keyed(self, target: Target, request: http.Request) -> Target:
        """The target with the headers of a request for it that are part of the key.

        It has UNKNOWN_KEY_HEADERS if these can't be recorded, or are more than a few.
        """
        if not self._names:
            return target
        found = [(lower, value) for name, value in request.headers.fields if (lower := name.lower()) in self._names]
        if not found:
            return target
        pairs = tuple(sorted((name.decode(), value.decode("latin-1")) for name, value in found))
        if not _is_recordable(pairs) or not self._has_room(target, pairs):
            pairs = UNKNOWN_KEY_HEADERS
        return replace(target, key_headers=pairs)

    def _has_room(self, target: Target, pairs: Pairs) -> bool:
        """Whether this combination is among the first ones of its target."""
        seen = self._seen.setdefault(target_key(target), set())
        self._seen.move_to_end(target_key(target))
        if len(self._seen) > MAX_TARGETS:
            self._seen.popitem(last=False)
        if len(seen) < MAX_VALUES:
            seen.add(pairs)
        return pairs in seen


def _is_recordable(pairs: Pairs) -> bool:
    """Whether a purge can name them: each header once, in ASCII, and none that identifies a person."""
    names = [name for name, _ in pairs]
    return (
        len(set(names)) == len(names)
        and sum(len(name) + len(value) for name, value in pairs) <= MAX_BYTES
        and all(value.isascii() and value.isprintable() and not PRIVATE.search(name) for name, value in pairs)
    )
