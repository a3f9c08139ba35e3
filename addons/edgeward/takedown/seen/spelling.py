"""What all spellings of one resource have in common: a cache keeps each spelling apart, an origin serves one image.

Spellings of one resource differ in scheme, port, the host's case and closing dot, percent-encoding, doubled slashes and
dot segments (RFC 3986, 6.2.2), in the order of the query's parameters, and in empty ones.
"""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from edgeward.types import Target


@dataclass(frozen=True, slots=True)
class Spelling:
    """Host and path as every spelling has them, percent-encoding undone; and the decoded parameters, sorted."""

    host: str
    path: bytes
    parameters: tuple[bytes, ...] = ()

    def covers(self, other: "Spelling") -> bool:
        """Whether `other` is a spelling of this: without parameters here, whatever parameters it has."""
        same = (self.host, self.path) == (other.host, other.path)
        return same and self.parameters in ((), other.parameters)


def spelling_of(target: Target) -> Spelling:
    """The spelling that all targets of the same resource share."""
    path, _, query = target.path.partition("?")
    parameters = (_decode(each.replace("+", " ")) for each in query.split("&") if each)
    return Spelling(bare_host(target.host), _plain(path), tuple(sorted(parameters)))


def target_of(url: str) -> Target:
    """The target that a URL, or host and path without a scheme, names byte for byte: "http" where it has no scheme."""
    scheme, separator, rest = url.partition("://")
    if not separator or "/" in scheme:
        scheme, rest = "http", url
    end = min((place for place in (rest.find("/"), rest.find("?")) if place >= 0), default=len(rest))
    host, path = rest[:end], rest[end:]
    return Target(scheme, host, path if path.startswith("/") else f"/{path}")


def flat(target: Target) -> bytes:
    """Path and query as one text, percent-encoding undone: what begins with another's lies below it."""
    path, mark, query = target.path.partition("?")
    return _plain(path) + mark.encode() + _decode(query)


def bare_host(host: str) -> str:
    """A host in lower case, without its port and closing dot."""
    name, colon, port = host.rpartition(":")
    if colon and (port.isdigit() or not port):
        host = name
    return host.lower().rstrip(".")


def _plain(path: str) -> bytes:
    """A path without percent-encoding, empty segments and dot segments. A closing slash stays."""
    segments = _decode(path).split(b"/")
    kept: list[bytes] = []
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    closing = b"/" if kept and segments[-1] in (b"", b".", b"..") else b""
    return b"/" + b"/".join(kept) + closing


def _decode(text: str) -> bytes:
    """The bytes of a text off the wire, percent-encoding undone."""
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "surrogatepass")
    return unquote_to_bytes(raw)
