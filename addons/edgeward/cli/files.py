"""Pictures that commands are pointed at: files of this machine, and URLs that are downloaded."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from urllib.error import HTTPError, URLError

from edgeward.errors import BadImage, NotFound, Unavailable, UserError

MAX_BYTES = 64 * 1024 * 1024
"""Bytes that are taken from a file or URL, with content-codings undone."""
DOWNLOAD_TIMEOUT = 30.0
"""Seconds without a byte after which a download is given up."""


def is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def read(source: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a file, or of what an http(s) URL answers.

    Raises:
        BadImage: more than `max_bytes`.
        UserError: the file can't be read, or the URL answers with an error of ours (4xx).
        Unavailable: nobody answers at the URL, or with an error of its own (5xx).
    """
    return _download(source, max_bytes) if is_url(source) else read_file(source, max_bytes)


def read_file(path: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a file; raises as `read` does."""
    try:
        with Path(path).open("rb") as file:
            body = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise NotFound(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    return _bounded(path, body, max_bytes)


def _download(url: str, max_bytes: int) -> bytes:
    try:
        with _opener().open(url, timeout=DOWNLOAD_TIMEOUT) as response:
            body = _bounded(url, response.read(max_bytes + 1), max_bytes)
            return _decoded(url, body, response.headers, max_bytes)
    except HTTPError as error:
        error.close()
        kind = UserError if error.code < 500 else Unavailable
        raise kind(f"{url} answers {error.code} {error.reason}") from None
    except (URLError, OSError, HTTPException) as error:
        raise Unavailable(f"{url}: {getattr(error, 'reason', None) or str(error) or type(error).__name__}") from None
    except ValueError as error:
        raise UserError(f"{url}: {error}") from None


def _opener() -> urllib.request.OpenerDirector:
    """Fetches http and https only, also after redirects: the default one would follow them to ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _decoded(url: str, body: bytes, headers: HTTPMessage, max_bytes: int) -> bytes:
    """Undo the content-codings of a server that applies some although none were asked for."""
    from edgeward.hashing import codings

    names = codings.parse(headers.get("Content-Encoding"))
    if not names:
        return body
    try:
        return codings.decode(body, names, max_bytes)
    except codings.CodingError as error:
        raise BadImage(f"{url}: {error}") from None


def _bounded(source: str, body: bytes, max_bytes: int) -> bytes:
    if len(body) > max_bytes:
        raise BadImage(f"{source}: more than {max_bytes} bytes")
    return body


@contextmanager
def named(source: str) -> Iterator[None]:
    """Put the name of a picture before what is said against it: the API does not know the name."""
    try:
        yield
    except UserError as error:
        raise type(error)(f"{source}: {error}") from None
