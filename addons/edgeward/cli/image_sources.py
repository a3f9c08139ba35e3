"""The bytes of images given to commands: files of this machine, or URLs to download."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from urllib.error import HTTPError, URLError

from edgeward.errors import BadImage, Conflict, Forbidden, NotFound, Unavailable, UserError

MAX_BYTES = 64 * 1024 * 1024
"""Maximum size of a file or download, after content-codings are undone."""
DOWNLOAD_TIMEOUT = 30.0
"""Seconds without a byte after which a download fails."""


def is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def read(source: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a file or of an http(s) URL.

    Raises:
        BadImage: there are more than `max_bytes`.
        UserError: the file can't be read, or the server answers 4xx.
        Unavailable: the server does not answer, or answers 5xx.
    """
    return _download(source, max_bytes) if is_url(source) else read_file(source, max_bytes)


def read_file(path: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a file. Raises BadImage and UserError as `read` does."""
    try:
        with Path(path).open("rb") as file:
            body = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise NotFound(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    return _check_size(path, body, max_bytes)


def _download(url: str, max_bytes: int) -> bytes:
    from edgeward.sightings.url_parsing import parse_url

    try:
        with _opener().open(parse_url(url).url, timeout=DOWNLOAD_TIMEOUT) as response:
            body = _check_size(url, response.read(max_bytes + 1), max_bytes)
            return _decode(url, body, response.headers, max_bytes)
    except HTTPError as error:
        error.close()
        kind = UserError if error.code < 500 else Unavailable
        raise kind(f"{url} answers {error.code} {error.reason}") from None
    except (URLError, OSError, HTTPException) as error:
        raise Unavailable(f"{url}: {_in_words(error)}") from None
    except ValueError as error:
        raise UserError(f"{url}: {error}") from None


def _in_words(error: Exception) -> str:
    """Why a download failed, as other commands say it: "Connection refused", without the number of the error."""
    reason = getattr(error, "reason", None) or error
    return getattr(reason, "strerror", None) or str(reason) or type(error).__name__


def _opener() -> urllib.request.OpenerDirector:
    """An opener for http and https only. The default one would follow a redirect to ftp."""
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


def _decode(url: str, body: bytes, headers: HTTPMessage, max_bytes: int) -> bytes:
    """Undo the content-codings of a response: some servers use one although the request did not allow it."""
    from edgeward.hashing import content_codings

    names = content_codings.parse(headers.get("Content-Encoding"))
    if not names:
        return body
    try:
        return content_codings.decode(body, names, max_bytes)
    except content_codings.CodingError as error:
        raise BadImage(f"{url}: {error}") from None


def _check_size(source: str, body: bytes, max_bytes: int) -> bytes:
    if len(body) > max_bytes:
        raise BadImage(f"{source}: more than {max_bytes} bytes")
    return body


@contextmanager
def naming_source(source: str) -> Iterator[None]:
    """Put the name of an image before a message about it: the API does not know the name.

    A message about something else (a list, the token) stays as it is.
    """
    try:
        yield
    except (NotFound, Forbidden, Conflict):
        raise
    except UserError as error:
        raise type(error)(f"{source}: {error}") from None
