"""Equivalent URLs: many forms name one resource. A cache stores each form separately; an origin serves one image.

Equivalent forms differ in scheme, port, the host's case and trailing dot, percent-encoding, repeated slashes and dot
segments (RFC 3986, section 6.2.2), in the order of the query's parameters, and in empty parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from edgeward.types import Target


@dataclass(frozen=True, slots=True)
class NormalizedUrl:
    """The common form of equivalent URLs: host, path without percent-encoding, and decoded parameters, sorted."""

    host: str
    path: bytes
    parameters: tuple[bytes, ...] = ()

    def includes(self, other: "NormalizedUrl") -> bool:
        """Whether the URLs are equivalent. Without parameters, this URL includes its path with any parameters."""
        same = (self.host, self.path) == (other.host, other.path)
        return same and self.parameters in ((), other.parameters)


def normalized(target: Target) -> NormalizedUrl:
    """The form that all equivalent targets share."""
    path, _, query = target.path.partition("?")
    parameters = (_decode(each.replace("+", " ")) for each in query.split("&") if each)
    return NormalizedUrl(normalized_host(target.host), _normalized_path(path), tuple(sorted(parameters)))


def target_of(url: str) -> Target:
    """The target that a URL names, byte for byte. The URL may lack its scheme, which is then "http"."""
    scheme, separator, rest = url.partition("://")
    if not separator or "/" in scheme:
        scheme, rest = "http", url
    end = min((position for position in (rest.find("/"), rest.find("?")) if position >= 0), default=len(rest))
    host, path = rest[:end], rest[end:]
    return Target(scheme, host, path if path.startswith("/") else f"/{path}")


def decoded_url(target: Target) -> bytes:
    """The normalized path and the decoded query as one text, so that URLs below a prefix start with it."""
    path, mark, query = target.path.partition("?")
    return _normalized_path(path) + mark.encode() + _decode(query)


def normalized_host(host: str) -> str:
    """A host in lower case, without its port and trailing dot."""
    name, colon, port = host.rpartition(":")
    if colon and (port.isdigit() or not port):
        host = name
    return host.lower().rstrip(".")


def host_matches(host: str, hosts: Sequence[str]) -> bool:
    """Whether a host is one of `hosts`, without regard to port, case and a dot at the end. "*" matches every host."""
    return "*" in hosts or normalized_host(host) in map(normalized_host, hosts)


def _normalized_path(path: str) -> bytes:
    """A path without percent-encoding, empty segments and dot segments. A trailing slash stays."""
    segments = _decode(path).split(b"/")
    kept: list[bytes] = []
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    trailing = b"/" if kept and segments[-1] in (b"", b".", b"..") else b""
    return b"/" + b"/".join(kept) + trailing


def _decode(text: str) -> bytes:
    """The bytes of a received text, without percent-encoding."""
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        # Not received but typed by a person, who means UTF-8.
        raw = text.encode("utf-8", "surrogatepass")
    return unquote_to_bytes(raw)
