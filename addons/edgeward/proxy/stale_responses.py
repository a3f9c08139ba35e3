"""Which responses a cache sent stale, as their headers tell (RFC 9111, 4.2).

A cache may send a stale copy and fetch a fresh one in the background (stale-while-revalidate, RFC 5861): Varnish does
within its grace, nginx with proxy_cache_background_update. No client gets what it stores then. So in front the request
is sent again until its response is fresh (unjudged_requests.py).
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from mitmproxy import http

HEURISTIC_SECONDS = 120.0
"""The lifetime of a response that states none: the default of Varnish."""
STALE_TRIES = 4
"""While the response is stale it is asked for so often again. With the pauses before, that takes 3 seconds."""
STILL_STALE_SECONDS = 60.0
"""A request whose response was stale after that is not sent again for being stale in this time: the cache keeps its
copies longer than it says, or the origin is down."""
MAX_STILL_STALE = 10_000
_LIFETIMES = (
    re.compile(r'(?:^|[,\s])s-maxage\s*=\s*"?(\d{1,10})', re.IGNORECASE),
    re.compile(r'(?:^|[,\s])max-age\s*=\s*"?(\d{1,10})', re.IGNORECASE),
)
_AGE = re.compile(r"\s*(\d{1,10})")
_WARNING = re.compile(r"(?:^|,)\s*11[01]\b")
_NEGATIVE_TTL = re.compile(r";\s*ttl\s*=\s*-\d", re.IGNORECASE)
_STALE_WORD = re.compile(r"\b(stale|updating)\b", re.IGNORECASE)
_SAYS_STALE = (
    (b"warning", _WARNING),
    (b"cache-status", _NEGATIVE_TTL),
    (b"x-cache-status", _STALE_WORD),
    (b"x-cache", _STALE_WORD),
)
_NAMES = frozenset((b"age", b"cache-control", b"expires", b"date", *(name for name, _ in _SAYS_STALE)))


def is_stale(headers: http.Headers) -> bool:
    """Whether a cache says that the response was stale when it was sent.

    By Age and the lifetime, Warning 110 or 111 (RFC 7234), a negative `ttl` in Cache-Status (RFC 9211), or STALE or
    UPDATING in X-Cache-Status or X-Cache, as nginx has it in $upstream_cache_status.
    """
    fields = _fields(headers)
    if any(name in fields and pattern.search(fields[name]) for name, pattern in _SAYS_STALE):
        return True
    found = _AGE.match(fields.get(b"age", ""))
    age = int(found[1]) if found else 0
    return age > 0 and age >= _lifetime(fields)


def _fields(headers: http.Headers) -> dict[bytes, str]:
    """The headers that matter here, read in one pass: each look into mitmproxy's headers goes through all of them."""
    found: dict[bytes, str] = {}
    for name, value in headers.fields:
        if (name := name.lower()) in _NAMES:
            text = value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _lifetime(fields: Mapping[bytes, str]) -> float:
    """Seconds for which the response was fresh in a shared cache (RFC 9111, 4.2.1)."""
    cache_control = fields.get(b"cache-control", "")
    for pattern in _LIFETIMES:
        if found := pattern.search(cache_control):
            return int(found[1])
    if b"expires" not in fields:
        return HEURISTIC_SECONDS
    expires, date = _seconds(fields[b"expires"]), _seconds(fields.get(b"date", ""))
    # An Expires that is no date means: expired (RFC 9111, 5.3).
    return 0.0 if expires is None else HEURISTIC_SECONDS if date is None else expires - date


def _seconds(value: str) -> float | None:
    """An HTTP date as Unix seconds; None: it is none."""
    try:
        return parsedate_to_datetime(value).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
