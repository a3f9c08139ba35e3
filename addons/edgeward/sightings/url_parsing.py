"""URLs as people write them, as the targets that browsers request (WHATWG URL Standard, "URL parsing").

People write http://münchen.example/größe.jpg#top; a browser sends /gr%C3%B6%C3%9Fe.jpg to xn--mnchen-3ya.example. This
is the only place where text that somebody wrote becomes a target. What caches stored in other forms is found by
url_normalization.py.
"""

import re
from dataclasses import replace
from urllib.parse import quote, unquote_to_bytes

from edgeward.sightings.url_host import HostError, browser_host
from edgeward.types import Target

DEFAULT_PORTS = {"http": "80", "https": "443"}
MAX_PORT = 65535
_URL = re.compile(r"(https?):[/\\]{2}([^/\\?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", re.DOTALL)
_TRIMMED = "".join(map(chr, range(0x21)))
"""C0 controls and the space: browsers drop them at both ends ..."""
_REMOVED = re.compile(r"[\t\n\r]")
"""... and these anywhere."""
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
"""A byte of a command line that is not UTF-8, as Python decodes it (PEP 383)."""
_SAFE_IN_PATH = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"#<>?^`{}')
_SAFE_IN_QUERY = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "\"#<>'")
_DOT = re.compile(r"\.|%2e", re.IGNORECASE)
_TARGET = re.compile(r"/[\x21-\x7e]*")


class UrlError(ValueError):
    """The text is not a URL that a browser could request. The message says why, without the URL."""


def parse_url(url: str) -> Target:
    """The target that a browser requests for a URL. Bytes beyond ASCII are percent-encoded, as UTF-8.

    Raises:
        UrlError: it is not an absolute http:// or https:// URL, or names a user.
    """
    scheme, authority, path, query = _split(url)
    return Target(scheme, _host(authority, scheme), _browser_path(path) + _encode(query, _SAFE_IN_QUERY))


def parse_urls(url: str) -> tuple[Target, ...]:
    """All targets that somebody may mean by a URL; first that which a browser requests.

    A path with dot segments is also a target as it is: other clients send it so. Text that is the UTF-8 of other text,
    read as Latin-1, also stands for that other text: raw bytes of a target are shown so.

    Raises:
        UrlError: as in `parse_url`.
    """
    scheme, _, path, query = _split(url)
    browser = parse_url(url)
    found = [browser]
    if _TARGET.fullmatch(path + query) and path.replace("\\", "/") == path:
        found.append(replace(browser, path=path + query))
    if (meant := _read_as_utf_8(path + query)) is not None:
        found.append(replace(browser, path=parse_url(f"{scheme}://host{meant}").path))
    return tuple(dict.fromkeys(found))


def parse_prefix(url: str) -> Target:
    """The host and the beginning of the path that a URL names, for all that is below it.

    Raises:
        UrlError: as in `parse_url`; or the path is not what it seems: with dot segments or a fragment, "below" would be
            more than what is written.
    """
    _, _, path, query = _split(url)
    if "#" in url:
        raise UrlError("has a fragment: leave out # and what follows, which no request holds")
    decoded = unquote_to_bytes(path.encode("utf-8", "surrogateescape")).replace(b"\\", b"/")
    segments = decoded.split(b"/")
    if b"." in segments or b".." in segments:
        raise UrlError("has dot segments (. or ..): give the path that it stands for")
    if path not in ("", "/") and not query and not decoded.strip(b"/"):
        raise UrlError("has empty segments alone: give / for the whole host")
    if b";" in decoded:
        raise UrlError("has parameters (;): give the path without them, which includes them")
    return parse_url(url)


def _split(url: str) -> tuple[str, str, str, str]:
    """Scheme, authority, path and query of a URL, with its ? if it has one."""
    text = _REMOVED.sub("", url.strip(_TRIMMED))
    match = _URL.fullmatch(text)
    if not match:
        raise UrlError("does not begin with http:// or https://")
    scheme, authority, path, query, _ = match.groups()
    if "@" in authority:
        raise UrlError("has a user name before a host: leave it out, no request holds it")
    return scheme.lower(), authority, path, query or ""


def _host(authority: str, scheme: str) -> str:
    """The host as browsers send it, with the port unless it is the default one."""
    match = _AUTHORITY.fullmatch(authority)
    host, port = match.groups() if match else ("", None)
    if not host:
        raise UrlError("is not a URL that a request can carry: it needs a host, and perhaps a port")
    if port and not 0 < int(port[:6]) <= MAX_PORT:
        raise UrlError(f"has an impossible port: it is 1 to {MAX_PORT}")
    try:
        name = browser_host(host)
    except HostError:
        raise UrlError("is not a URL that a request can carry: its host is not a host name") from None
    return name if not port or int(port) == int(DEFAULT_PORTS[scheme]) else f"{name}:{int(port)}"


def _browser_path(path: str) -> str:
    """The path with slashes for backslashes, without dot segments, and percent-encoded where it must be."""
    segments = path.replace("\\", "/").split("/")[1:]
    kept: list[str] = []
    for position, segment in enumerate(segments):
        dots, is_last = _DOT.sub(".", segment), position == len(segments) - 1
        if dots == "..":
            del kept[-1:]
        elif dots != ".":
            kept.append(segment)
        if dots in (".", "..") and is_last:
            kept.append("")
    return _encode("/" + "/".join(kept), _SAFE_IN_PATH)


def _encode(text: str, safe: str) -> str:
    """Percent-encode what is not `safe`: text beyond ASCII as UTF-8, and bytes of a command line that were not text."""
    parts = _ESCAPED_BYTE.split(text)
    escaped = [f"%{ord(char) - 0xDC00:02X}" for char in _ESCAPED_BYTE.findall(text)]
    encoded = [quote(_without_surrogates(part), safe=safe) for part in parts]
    return "".join(piece for pair in zip(encoded, [*escaped, ""], strict=True) for piece in pair)


def _without_surrogates(text: str) -> str:
    """Half characters become U+FFFD, as in browsers."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _read_as_utf_8(text: str) -> str | None:
    """What the text is if its characters are the bytes of UTF-8; None if they are not, or are ASCII."""
    try:
        return None if text.isascii() else text.encode("latin-1").decode()
    except UnicodeError:
        return None
