"""Hosts and beginnings of paths as people write them in settings and in the policies of lists: one syntax for both.

A host is a name or an address without a port: a client may send any port, and most servers ignore it. "*.example.org"
stands for all hosts below example.org, and not for example.org itself. A path stands for all paths that begin with it.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

MAX_PATTERN_LENGTH = 1000
MAX_PATTERNS = 100
"""Hosts, or paths, of one list."""
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_PORT = re.compile(r"(.*[^:]|\[.*\]):[0-9]*")
_SAFE_IN_PATH = "/%!$&'()*+,:=@~-._[]|"


def host_pattern(text: str) -> str:
    """A host in lower case, without a dot at its end; or "*." and one.

    Raises:
        ValueError: it is none. The message says why.
    """
    pattern = text.strip().lower().removesuffix(".")
    if pattern == "*":
        raise ValueError("'*' is every host: name none to mean every host")
    if _PORT.fullmatch(pattern):
        raise ValueError(f"{text!r} has a port: leave it out, a host is meant at every port")
    if len(pattern) > MAX_PATTERN_LENGTH or not _HOST.fullmatch(pattern):
        raise ValueError(f"{text[:MAX_PATTERN_LENGTH]!r} is not a host, such as img.example.org or *.example.org")
    return pattern


def path_pattern(text: str) -> str:
    """The beginning of a path, percent-encoded.

    Raises:
        ValueError: it is none, or is not what it seems: with dot segments, "below" would be more than what is written.
    """
    shown = repr(text[:MAX_PATTERN_LENGTH])
    if not text.startswith("/") or len(text) > MAX_PATTERN_LENGTH:
        raise ValueError(f"{shown} is not the beginning of a path, such as /uploads/")
    if text == "/":
        raise ValueError("'/' is every path: name none to mean every path")
    decoded = unquote_to_bytes(text.encode("utf-8", "surrogateescape"))
    if "?" in text or "#" in text:
        raise ValueError(f"{shown} has a query or a fragment: a path ends before it")
    if b"\\" in decoded or b";" in decoded:
        raise ValueError(f"{shown} has a backslash or parameters (;): leave them out, they are looked through")
    if b"//" in decoded or any(segment in (b".", b"..") for segment in decoded.split(b"/")):
        raise ValueError(f"{shown} has dot segments or empty segments: give the path that it stands for")
    if any(byte < 0x20 or byte == 0x7F for byte in decoded):
        raise ValueError(f"{shown} has control characters")
    return quote(text.encode("utf-8", "surrogateescape"), safe=_SAFE_IN_PATH)


def is_one_of(host: str, patterns: Iterable[str]) -> bool:
    """Whether a host, in lower case and without port and final dot, is one of these. Not if there are none."""
    return any(host.endswith(each[1:]) if each[0] == "*" else host == each for each in patterns)


def is_below(path: bytes, patterns: Iterable[str]) -> bool:
    """Whether a path without percent-encoding begins with one of these. Not if there are none."""
    return any(path.startswith(_decoded(each)) for each in patterns)


@lru_cache(maxsize=1024)
def _decoded(pattern: str) -> bytes:
    return unquote_to_bytes(pattern)
