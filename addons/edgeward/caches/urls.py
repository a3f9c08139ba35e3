"""Targets as text for the JSON, XML or query of a CDN's API: ASCII, with every other byte percent-encoded.

JSON holds characters, a request target holds bytes: a raw 0xE9 in JSON would arrive as the UTF-8 of U+00E9, which is
two other bytes. Percent-encoded it names one byte, as CDNs ask for it. ASCII stays as it was seen, except spaces,
control characters and `#`, which would end the URL.
"""

import re
from ipaddress import AddressValueError, IPv6Address

from edgeward.types import Target

_UNSAFE = re.compile(r"[^\x21\x22\x24-\x7e]")
_HOST = re.compile(r"(?:([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\.?|\[([0-9A-Fa-f:.]{2,45})\])(?::([0-9]{1,5}))?")
_MAX_NAME = 253
_MAX_PORT = 65535
SCHEMES = ("http", "https")


class Unsendable(ValueError):
    """The order cannot be expressed in a call of this API."""


def encoded(text: str, unsafe: re.Pattern[str] = _UNSAFE) -> str:
    """`text` (latin-1 for bytes) with every character that `unsafe` matches as %XX. Raises Unsendable."""
    return unsafe.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    if (code := ord(match[0])) > 0xFF:
        raise Unsendable("the path contains characters that are not bytes")
    return f"%{code:02X}"


def is_host(text: str) -> bool:
    """Whether a purge at any kind of cache can name this host: a name or an IP literal, with or without a port.

    It is what clients can resolve, and less than RFC 3986 (section 3.2.2) allows: no empty labels, no percent-encoding
    and no sub-delims. Some caches refuse to purge those, and others store them.
    """
    match = _HOST.fullmatch(text)
    if not match:
        return False
    name, address, port = match.groups()
    if port is not None and not 0 < int(port) <= _MAX_PORT:
        return False
    return len(name) <= _MAX_NAME if name else _is_ipv6(address)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def host_of(target: Target) -> str:
    """The host as requested. Raises Unsendable where it is not a host name: it could smuggle in a path or a query."""
    if not is_host(target.host):
        raise Unsendable("the host is not a host name")
    return target.host


def url_of(target: Target) -> str:
    """The target's URL in ASCII, without its scheme. Raises Unsendable."""
    return host_of(target) + encoded(target.path)


def both_schemes(target: Target) -> list[str]:
    """Its URL with http and with https: a cache whose keys include the scheme may have stored both."""
    return [f"{scheme}://{url_of(target)}" for scheme in SCHEMES]


def directory(path: str) -> str:
    """The path up to its last slash, without a query: for APIs that can only purge whole directories."""
    return path.partition("?")[0].rpartition("/")[0] + "/"
