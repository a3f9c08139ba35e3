"""What the headers of a response tell of the caches that it came through, and whether any settings purge those.

The headers: RFC 9110, 7.6.3 (Via); RFC 9111, 5.1 (Age); RFC 9211 (Cache-Status); the others by the documentation of
each vendor. They are evidence that there is a cache, none that there is not: each of them can be switched off.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from edgeward.settings.cache_settings import CacheSettings, CdnCache, SelfHostedCache

_VALUE_CHARACTERS = 60
"""Of a header's value in a sentence."""
_NGINX = ("nginx", "openresty", "angie")
_MARKS: Sequence[tuple[str, re.Pattern[str], frozenset[str]]] = tuple(
    (name, re.compile(pattern, re.IGNORECASE), frozenset(drivers.split()))
    for name, pattern, drivers in (
        ("cf-cache-status", ".", "cloudflare"),
        ("cf-ray", ".", "cloudflare"),
        ("x-amz-cf-id", ".", "cloudfront"),
        ("via", "cloudfront", "cloudfront"),
        ("x-served-by", r"^cache-", "fastly"),
        ("x-akamai-transformed", ".", "akamai"),
        ("akamai-grn", ".", "akamai"),
        ("server", "^akamai", "akamai"),
        ("cdn-cache", ".", "bunny"),
        ("server", "^bunnycdn", "bunny"),
        ("server", "^keycdn", "keycdn"),
        ("x-varnish", ".", "varnish"),
        ("via", "varnish", "varnish fastly"),
        ("via", "squid", "squid"),
        ("via", r"apachetrafficserver|\bats/", "trafficserver"),
        ("cache-status", "souin", "souin"),
        ("x-cache-status", ".", ""),
        ("x-proxy-cache", ".", ""),
        ("x-cache", "hit|miss|stale|refresh", ""),
        ("cache-status", "hit|fwd", ""),
        ("age", r"^0*[1-9][0-9]*$", ""),
    )
)
"""Header, what is in its value, and the drivers that purge such a cache: none where the header does not tell which it
is. Those that tell come first."""
_OWN_SERVERS: Mapping[str, tuple[str, ...]] = {
    "varnish": ("varnish",),
    "nginx": _NGINX,
    "nginx-plus": _NGINX,
    "squid": ("squid",),
    "trafficserver": ("ats/",),
}
"""By driver, how the header Server of such a cache begins, in lower case."""
_SELF_HOSTED = frozenset({"varnish", "squid", "trafficserver"})
"""Drivers whose caches name themselves in what they answer by themselves."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A header that a cache has added. `drivers`: those that purge such a cache; empty if it does not tell which it
    is."""

    header: str
    value: str
    drivers: frozenset[str]

    def __str__(self) -> str:
        shown = "".join(char if char.isprintable() else "?" for char in self.value[:_VALUE_CHARACTERS])
        return f"{self.header.title()}: {shown}"


def signs_in(headers: Mapping[str, str]) -> list[Sign]:
    """The signs of caches in these headers, those that tell the kind of cache first.

    Args:
        headers: by lower-case name, or in a mapping that ignores case.
    """
    found: list[Sign] = []
    for name, pattern, drivers in _MARKS:
        value = headers.get(name)
        if value and pattern.search(value):
            found.append(Sign(name, value, drivers))
    return found


def unpurged_sign(
    headers: Mapping[str, str], upstream: str, caches: Sequence[CacheSettings], in_front: bool
) -> Sign | None:
    """A sign of a cache that the upstream is, or stands behind, and that none of `caches` purges.

    Args:
        upstream: the URL that was asked.
        caches: those of the settings.
        in_front: placement front: the caches stand behind Edgeward, so each may have added a sign. In fill only one at
            the host of the upstream may, and a CDN that fronts both.
    """
    host = urlsplit(upstream).hostname
    behind = [each for each in caches if in_front or host in _hosts(each)]
    if any(each.driver == "generic" for each in behind):
        return None  # it may be any
    found = signs_in(headers)
    if told := [sign for sign in found if sign.drivers]:
        # One of these has added the others.
        drivers = {each.driver for each in (*behind, *(each for each in caches if isinstance(each, CdnCache)))}
        return next((sign for sign in told if not sign.drivers & drivers), None)
    return next(iter(found), None) if not behind else None


def is_like(driver: str, headers: Mapping[str, str]) -> bool:
    """Whether a response may come from a cache of this kind, or through one: one that hides its name is believed."""
    server = headers.get("server", "").lower()
    return (
        not server
        or driver not in _OWN_SERVERS
        or server.startswith(_OWN_SERVERS[driver])
        or any(driver in sign.drivers for sign in signs_in(headers))
    )


def sign_of_another(driver: str, headers: Mapping[str, str]) -> Sign | None:
    """A sign that the cache which gave this response by itself is not of this kind; None if nothing says so.

    A server nginx is no such sign: one that only ends TLS may stand in front of any cache. Of `souin` and of CDNs
    nothing is told: their own servers have any name.
    """
    if driver not in _OWN_SERVERS:
        return None
    server = headers.get("server", "")
    told = [sign for sign in signs_in(headers) if sign.drivers & _SELF_HOSTED]
    for kind, names in _OWN_SERVERS.items():
        if kind in _SELF_HOSTED and server.lower().startswith(names):
            told.insert(0, Sign("server", server, frozenset({kind})))
    is_own = any(driver in sign.drivers for sign in told) or server.lower().startswith(_OWN_SERVERS[driver])
    if is_own or not told:
        return None
    return Sign(told[0].header, told[0].value, told[0].drivers & _SELF_HOSTED)


def _hosts(cache: CacheSettings) -> set[str | None]:
    serves = cache.serves if isinstance(cache, SelfHostedCache) else None
    return {urlsplit(url).hostname for url in (cache.url, serves) if url}
