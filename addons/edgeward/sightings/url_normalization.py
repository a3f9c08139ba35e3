"""Equivalent URLs: many forms name one resource. A cache stores each form separately; an origin serves one image.

Equivalent forms differ in scheme, port, the host's case and trailing dot, percent-encoding, repeated slashes and dot
segments (RFC 3986, section 6.2.2), in the order of the query's parameters, and in empty parameters. A fragment, which
some clients send, makes no difference.

Some servers take more forms for one: a backslash for a slash, Latin-1 for UTF-8, a path with parameters (`/a;p`) for
one without. A URL includes targets in these forms.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from edgeward.sightings.url_host import HostError, browser_host
from edgeward.types import Target

_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
"""A byte that is not UTF-8, as "surrogateescape" decodes it."""
_DIFFERS = re.compile(rb"[\\;]")
_PATH_PARAMETERS = re.compile(rb";[^/]*")
_SLASH = re.compile("%2f", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NormalizedUrl:
    """The common form of equivalent URLs: host, path without percent-encoding, and decoded parameters, sorted."""

    host: str
    path: bytes
    parameters: tuple[bytes, ...] = ()
    other_forms: tuple[tuple[bytes, tuple[bytes, ...]], ...] = ()
    """Other (path, parameters) for which servers take it: it is included in URLs of these, too."""

    @property
    def forms(self) -> tuple[tuple[bytes, tuple[bytes, ...]], ...]:
        """(path, parameters) of every URL that includes it, its own form last."""
        return *self.other_forms, (self.path, self.parameters)

    def includes(self, other: "NormalizedUrl") -> bool:
        """Whether the URLs are equivalent. Without parameters, this URL includes its path with any parameters."""
        return self.host == other.host and any(
            self.path == path and self.parameters in ((), parameters) for path, parameters in other.forms
        )


def normalized(target: Target) -> NormalizedUrl:
    """The form that all equivalent targets share."""
    path, _, query = target.path.partition("#")[0].partition("?")
    decoded, parameters = _decode(path), _parameters(query)
    own = _without_dots(decoded), parameters
    if decoded.isascii() and not _DIFFERS.search(decoded) and all(map(bytes.isascii, parameters)):
        return NormalizedUrl(normalized_host(target.host), *own)
    meant = _in_utf_8(decoded.replace(b"\\", b"/"))
    meant_parameters = tuple(sorted(map(_in_utf_8, parameters)))
    forms = [(_without_dots(each), meant_parameters) for each in (_PATH_PARAMETERS.sub(b"", meant), meant)]
    others = tuple(form for form in dict.fromkeys(forms) if form != own)
    return NormalizedUrl(normalized_host(target.host), *own, others)


def target_of(url: str) -> Target:
    """The target that a URL names, byte for byte. The URL may lack its scheme, which is then "http"."""
    scheme, separator, rest = url.partition("://")
    if not separator or "/" in scheme:
        scheme, rest = "http", url
    end = min((position for position in (rest.find("/"), rest.find("?")) if position >= 0), default=len(rest))
    host, path = rest[:end], rest[end:]
    return Target(scheme, host, path if path.startswith("/") else f"/{path}")


def decoded_url(target: Target) -> bytes:
    """The normalized path and the decoded query as one text, so that URLs below a prefix start with it.

    Without parameters of the path, and in UTF-8: a path includes its other forms.
    """
    path, mark, query = target.path.partition("#")[0].partition("?")
    return _meant(_decode(path)) + mark.encode() + _in_utf_8(_decode(query))


def readings(target: Target) -> tuple[bytes, ...]:
    """The path of a target without percent-encoding, in each way in which servers may read it, without its query.

    First the one that all spellings of a URL share: without dot segments, empty segments and parameters, in UTF-8, with
    a slash for a backslash. Then with parameters, with dots as it is written, decoded twice, and with %2F as it is.
    """
    path = target.path.partition("#")[0].partition("?")[0]
    decoded = _decode(path)
    found = [_meant(decoded), _without_dots(decoded)]
    if b";" in decoded or b"\\" in decoded:
        found.append(_without_dots(_in_utf_8(decoded.replace(b"\\", b"/"))))
    found.append(decoded)
    if b"%" in decoded:
        twice = unquote_to_bytes(decoded)
        found += [_meant(twice), _without_dots(twice)]
    if "%2f" in path.lower():
        found.append(_decode(_SLASH.sub("%252F", path)))
    return tuple(dict.fromkeys(found))


def _meant(decoded: bytes) -> bytes:
    """A decoded path without parameters and dots, in UTF-8 and with a slash for a backslash."""
    return _without_dots(_PATH_PARAMETERS.sub(b"", _in_utf_8(decoded.replace(b"\\", b"/"))))


def normalized_host(host: str) -> str:
    """A host in lower case, without its port and trailing dot."""
    name, colon, port = host.rpartition(":")
    if colon and (port.isdigit() or not port):
        host = name
    return host.lower().rstrip(".")


def host_matches(host: str, hosts: Sequence[str]) -> bool:
    """Whether a host is one of `hosts`, without regard to port, case and a dot at the end. "*" matches every host.

    Args:
        hosts: as people write them: names beyond ASCII stand for those that browsers send (IDNA).
    """
    return "*" in hosts or normalized_host(host) in map(_written_host, hosts)


def _written_host(host: str) -> str:
    try:
        return normalized_host(host if host.isascii() else browser_host(host))
    except HostError:
        return normalized_host(host)


def _parameters(query: str) -> tuple[bytes, ...]:
    """The decoded parameters of a query, sorted."""
    return tuple(sorted(_decode(each.replace("+", " ")) for each in query.split("&") if each))


def _without_dots(path: bytes) -> bytes:
    """A decoded path without empty segments and dot segments. A trailing slash stays."""
    segments = path.split(b"/")
    kept: list[bytes] = []
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    trailing = b"/" if kept and segments[-1] in (b"", b".", b"..") else b""
    return b"/" + b"/".join(kept) + trailing


def _in_utf_8(text: bytes) -> bytes:
    """Bytes that are not UTF-8 are taken for Latin-1, in which older servers name their files."""
    if text.isascii():
        return text
    return _NOT_UTF_8.sub(lambda byte: chr(ord(byte[0]) - 0xDC00), text.decode("utf-8", "surrogateescape")).encode()


def _decode(text: str) -> bytes:
    """The bytes of a received text, without percent-encoding."""
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        # Not received but typed by a person, who means UTF-8.
        raw = text.encode("utf-8", "surrogatepass")
    return unquote_to_bytes(raw)
