"""How targets are written in the JSON, XML or query of a vendor's API: ASCII, with every other byte percent-encoded.

JSON holds characters, a request target holds bytes: a raw 0xE9 in JSON would arrive as the UTF-8 of U+00E9, two other
bytes. Percent-encoded it names one byte, which is also how vendors ask for it. What is ASCII stays as it was seen,
but for a space, a control character and `#`, which would end the URL there.
"""

import re

from edgeward.types import Target

_ODD = re.compile(r"[^\x21\x22\x24-\x7e]")
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
SCHEMES = ("http", "https")


class Unsendable(ValueError):
    """The target can't be written so that this API takes it for what it is."""


def encoded(text: str, odd: re.Pattern[str] = _ODD) -> str:
    """`text` (latin-1 for bytes) with every character that `odd` matches as %XX. Raises Unsendable."""
    return odd.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    if (code := ord(match[0])) > 0xFF:
        raise Unsendable("the path holds characters that are no bytes")
    return f"%{code:02X}"


def host_of(target: Target) -> str:
    """The host as it was asked for. Raises Unsendable where it is no host name: it would turn into a path or more."""
    if not _HOST.fullmatch(target.host):
        raise Unsendable("the host is no host name")
    return target.host


def url_of(target: Target) -> str:
    """The target's URL in ASCII, without its scheme. Raises Unsendable."""
    return host_of(target) + encoded(target.path)


def both_schemes(target: Target) -> list[str]:
    """Its URL as http and as https: a cache whose keys hold the scheme may have stored both."""
    return [f"{scheme}://{url_of(target)}" for scheme in SCHEMES]


def directory(path: str) -> str:
    """The path up to its last slash, without a query: what an API can purge that only knows whole directories."""
    return path.partition("?")[0].rpartition("/")[0] + "/"
