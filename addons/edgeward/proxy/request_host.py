"""Which requests a purge can name: what cannot be purged must not reach the cache.

A cache stores under the host and the request target, and by the headers that Vary names. They must arrive there as they
are recorded here, and a purge must be able to carry them: at any kind of cache, by other requests than GET, and with a
secret.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from mitmproxy import http

from edgeward.caches import DRIVERS
from edgeward.caches.urls import is_host
from edgeward.settings.cache_settings import CacheSettings
from edgeward.settings.config import ProxySettings
from edgeward.types import Reason, Target

PURGE_MARGIN_BYTES = 1024
"""How much longer a purge is than a GET of the same target: its method, its secret, and what a cache adds."""
_TARGET = re.compile(rb"/[\x21-\x7e\x80-\xff]*")
"""A request target in origin-form (RFC 9112, 3.2.1). Raw bytes beyond ASCII are not valid, but caches store them."""

_NOT_A_NAME = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_NOT_A_VALUE = re.compile(rb"[^\t\x20-\x7e\x80-\xff]")
"""Bytes that no name and no value of a header has (RFC 9110, 5.1 and 5.5). A folded line has some (RFC 9112, 5.2)."""


def longest_target(caches: Iterable[CacheSettings]) -> int | None:
    """The longest host and request target together that a purge can carry to each of these caches; None: any."""
    drivers = {driver.name: driver for driver in DRIVERS}
    limits = [drivers[cache.driver].abilities.head_bytes for cache in caches]
    return min((limit - PURGE_MARGIN_BYTES for limit in limits if limit is not None), default=None)


def default_host(proxy: ProxySettings) -> bytes:
    """The host of a request of HTTP/1.0 without Host; b"" if it must be refused.

    In front it gets the upstream's name, so that the cache stores it under that. Behind the cache nobody knows what the
    cache stores it under.
    """
    return urlsplit(proxy.upstream).netloc.encode() if proxy.placement == "front" else b""


def write_host(request: http.Request, default: bytes, *, in_front: bool) -> None:
    """Let a request have its host in Host and nowhere else, so that all caches store it under that.

    One in absolute-form becomes one in origin-form: its target names the host, and Host is ignored (RFC 9112, 3.2.2).
    One of HTTP/1.0 may lack Host, and gets `default`.

    Args:
        in_front: the cache gets what is written here. Else a cache has sent the request, and if it names two hosts,
            nobody knows which of them the cache stores the response under: they stay, and the request is refused.
    """
    if request.is_http2 or request.is_http3:
        return
    fields, authority = _host_fields(request), request.data.authority
    if not fields and (host := authority or (default if request.data.http_version == b"HTTP/1.0" else b"")):
        request.headers.fields = ((b"Host", host), *request.headers.fields)
    elif authority and len(fields) == 1 and (in_front or _is_same_host(authority, fields[0])):
        request.headers["Host"] = authority.decode("latin-1")
    elif authority and fields:
        return
    request.data.authority = b""


def target_of_request(request: http.Request) -> Target:
    """What a cache stores the response under, in every variant. One character stands for one byte."""
    return Target(request.scheme, _hosts(request)[0].decode("latin-1"), request.data.path.decode("latin-1"))


def reason_to_refuse(request: http.Request, limit: int | None) -> tuple[int, Reason] | None:
    """The status and reason for refusing a request that no purge can name; None: it may pass.

    Args:
        limit: of `longest_target`.
    """
    hosts = _hosts(request)
    # Two hosts: the cache could take the other one, and store under it what was judged for this one.
    is_one = len(hosts) == 1 or (len(hosts) == 2 and request.data.authority == hosts[1])
    if not is_one or not is_host(hosts[0].decode("latin-1")):
        return 400, Reason.BAD_REQUEST
    names, values = zip(*request.headers.fields, strict=True) if request.headers.fields else ((), ())
    if not all(names) or _NOT_A_NAME.search(b"".join(names)) or _NOT_A_VALUE.search(b"".join(values)):
        return 400, Reason.BAD_REQUEST
    # What is not a GET or HEAD is not stored.
    if request.method not in ("GET", "HEAD"):
        return None
    path = request.data.path
    if not _TARGET.fullmatch(path):
        return 400, Reason.BAD_REQUEST
    if limit is not None and len(path) + len(hosts[0]) > limit:
        return 414, Reason.BAD_REQUEST
    return None


def _is_same_host(one: bytes, other: bytes) -> bool:
    """Whether caches take them for one host: apart from case and the default port."""
    return one.lower().removesuffix(b":80") == other.lower().removesuffix(b":80")


def _host_fields(request: http.Request) -> list[bytes]:
    return [value for name, value in request.headers.fields if name.lower() == b"host"]


def _hosts(request: http.Request) -> list[bytes]:
    """Every host that the request names, that of its target or pseudo-header first; an empty one if there is none."""
    named = [request.data.authority] if request.data.authority else []
    return [*named, *_host_fields(request)] or [b""]
