"""URLs that people and machines give, as targets of caches."""

import re
from urllib.parse import urlsplit

from edgeward.errors import InvalidValue
from edgeward.types import Target

# Printable ASCII without what would end the host or the request target; Latin-1 bytes in the path as they are.
_URL = re.compile(r"(https?)://([^\x00-\x20/?#@\x7f-\U0010ffff]+)(/[^\x00-\x20#\x7f\u0100-\U0010ffff]*|)")


def parse_url(url: str, key: str = "urls") -> Target:
    """The target that a cache stores `url` under, byte for byte: nothing is normalized.

    Characters up to U+00FF stand for the byte of that value. `key` is named in the error.

    Raises:
        InvalidValue: it is not an absolute http:// or https:// URL that an HTTP request can carry.
    """
    match = _URL.fullmatch(url)
    if not match or not _has_host(url):
        raise InvalidValue(f"{url!r} {_reason(url)}", key)
    scheme, host, path = match.groups()
    return Target(scheme, host, path or "/")


def _reason(url: str) -> str:
    """Why a URL is no target."""
    if not url.startswith(("http://", "https://")):
        return "does not begin with http:// or https://"
    if re.search(r"[\x00-\x20\x7f]", url):
        return "holds a space or a control character: percent-encode it (%20)"
    if "#" in url:
        return "has a fragment: leave out # and what follows, which no request holds"
    return "is not a URL that a request can carry: give http:// or https://, a host and a percent-encoded path"


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # an impossible port, or an unclosed IPv6 address
        return False
