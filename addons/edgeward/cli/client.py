"""The client of the admin API that commands use: one request, one response; each failure is an error of errors.py."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from pathlib import Path
from socket import gaierror
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode, urlsplit

from edgeward.cli.hash_file_sources import HashFile
from edgeward.cli.options import load_config
from edgeward.errors import (
    ApiUnavailable,
    ConfigError,
    Conflict,
    EdgewardError,
    Forbidden,
    Held,
    NotFound,
    UserError,
)

if TYPE_CHECKING:
    import argparse

API_PATH = "/api/v1"
TIMEOUT_SECONDS = 30.0
"""Maximum time for a response, in addition to the time that the request asks the API to wait."""
PART_BYTES = 256 * 1024
"""Bytes of a download that are read at once."""

ERROR_OF_STATUS: Mapping[int, type[EdgewardError]] = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict}
"""The error for a status of the API. Any other 4xx is a UserError, and any other status is ApiUnavailable."""
BLOCK_BYTES = 256 * 1024
"""Bytes of a file that are sent at a time."""
REFUSED_FOR_NOW = "urn:edgeward:problem:unavailable"
"""The `type` of a problem that was found before anything was carried out. That of the store has another type."""

type Query = Mapping[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the admin API at `url` (http or https, no path needed). The token is never shown.

    `access_file`: where both were read from. A controller that starts again writes a new token there.
    """

    url: str
    token: str = field(repr=False)
    access_file: Path | None = field(default=None, compare=False)

    @classmethod
    def find(cls, args: "argparse.Namespace") -> Self:
        """The API that EDGEWARD_API and EDGEWARD_TOKEN name, else that of this machine (state_dir/api.json).

        Raises:
            ConfigError: the variables or the settings are wrong.
            Forbidden: this user may not read api.json.
            ApiUnavailable: there is no api.json.
        """
        url, token = os.environ.get("EDGEWARD_API"), os.environ.get("EDGEWARD_TOKEN")
        if url and token:
            return cls(_check_url(url), _check_token(token))
        if url or token:
            missing = "EDGEWARD_TOKEN" if url else "EDGEWARD_API"
            raise ConfigError(f"{missing} is not set: set both variables or neither")
        return cls._local(load_config(args).state_dir / "api.json")

    @classmethod
    def _local(cls, path: Path) -> Self:
        try:
            data = json.loads(path.read_bytes())
            return cls(str(data["url"]), str(data["token"]), path)
        except FileNotFoundError:
            raise ApiUnavailable(
                f"{path} is missing: is `edgeward run` running with these settings? "
                "(For another machine set EDGEWARD_API and EDGEWARD_TOKEN.)"
            ) from None
        except OSError as error:
            raise Forbidden(f"{path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise ApiUnavailable(f"{path} does not hold an address and a token") from None

    def get(self, *path: str, query: Query | None = None) -> Any:
        return self.send("GET", path, query)

    def post(self, *path: str, body: object, query: Query | None = None, wait: float = 0) -> Any:
        """Send JSON, or bytes unchanged. `wait`: seconds for which the request asks the API to wait."""
        return self.send("POST", path, query, body, wait)

    def upload(self, *path: str, file: HashFile, query: Query | None, timeout: float) -> Any:
        """Send a file as it is read. It can't be sent a second time: see `send` for the token.

        `timeout`: seconds without an answer after all of it was sent.
        """
        return self._send_once("POST", path, query, file, timeout)

    def patch(self, *path: str, body: object, wait: float = 0) -> Any:
        return self.send("PATCH", path, None, body, wait)

    def delete(self, *path: str, query: Query | None = None) -> Any:
        return self.send("DELETE", path, query)

    def send(
        self,
        method: str,
        path: tuple[str, ...],
        query: Query | None = None,
        body: object = None,
        wait: float = 0,
    ) -> Any:
        """One request. `path` holds the segments after /api/v1/. None values of `query` are left out.

        Returns: the JSON of the response, or None if it has no body.

        Raises:
            ApiUnavailable: no response, or the API can't do it now.
            UserError: Forbidden, NotFound, Conflict or another refusal, with the API's message.
            Held: it waits for a second person.
        """
        try:
            return self._send_once(method, path, query, body, wait)
        except Forbidden:
            if not (renewed := self._renewed()):
                raise
        return renewed._send_once(method, path, query, body, wait)

    @contextmanager
    def download(self, *path: str, query: Query | None = None) -> Iterator[Iterator[bytes]]:
        """The body of a response to GET, in parts as they come, of any size.

        Raises:
            ApiUnavailable, UserError: as `send`; ApiUnavailable also while it is read, if it is not whole.
        """
        with ExitStack() as stack:
            try:
                parts = stack.enter_context(self._opened(path, query))
            except Forbidden:
                if not (renewed := self._renewed()):
                    raise
                parts = stack.enter_context(renewed._opened(path, query))
            yield parts

    def _renewed(self) -> Self | None:
        """The client with what api.json holds now; None if that is the same, or not there.

        A token that was refused may be that of a controller that has been started again since.
        """
        if self.access_file is None:
            return None
        with suppress(ApiUnavailable):
            renewed = self._local(self.access_file)
            return renewed if renewed != self else None
        return None

    def _send_once(self, method: str, path: tuple[str, ...], query: Query | None, body: object, wait: float) -> Any:
        target = self._target(path, query)
        connection = self._connection(TIMEOUT_SECONDS + wait)
        try:
            with self._failures_named(TIMEOUT_SECONDS + wait):
                response = self._send(connection, method, target, body)
                return self._parse(response.status, response.read())
        finally:
            connection.close()

    @contextmanager
    def _opened(self, path: tuple[str, ...], query: Query | None) -> Iterator[Iterator[bytes]]:
        connection = self._connection(TIMEOUT_SECONDS)
        try:
            with self._failures_named(TIMEOUT_SECONDS):
                response = self._send(connection, "GET", self._target(path, query), None)
                if response.status != HTTPStatus.OK:
                    self._parse(response.status, response.read())
            yield self._parts(response)
        finally:
            connection.close()

    def _parts(self, response: HTTPResponse) -> Iterator[bytes]:
        while True:
            with self._failures_named(TIMEOUT_SECONDS):
                part = response.read(PART_BYTES)
                if not part and response.length:  # http.client does not say so when it reads in parts
                    raise IncompleteRead(b"", response.length)
            if not part:
                return
            yield part

    @contextmanager
    def _failures_named(self, timeout: float) -> Iterator[None]:
        """Says what failed on the way to the API, and back."""
        try:
            yield
        except TimeoutError:
            raise ApiUnavailable(f"{self.url} did not answer within {timeout:g} s") from None
        except OSError as error:
            unsent = isinstance(error, ConnectionRefusedError | gaierror)
            raise ApiUnavailable(f"no response from {self.url} ({error.strerror or error})", unsent) from None
        except IncompleteRead:
            raise ApiUnavailable(f"the answer of {self.url} broke off: it is not whole") from None
        except HTTPException as error:
            raise ApiUnavailable(f"{self.url} is not an HTTP server ({type(error).__name__})") from None

    def _target(self, path: tuple[str, ...], query: Query | None) -> str:
        base = urlsplit(self.url).path.rstrip("/") + API_PATH
        target = "/".join([base, *(quote(part, safe="") for part in path)])
        parameters = {name: value for name, value in (query or {}).items() if value is not None}
        return f"{target}?{urlencode(parameters)}" if parameters else target

    def _connection(self, timeout: float) -> HTTPConnection:
        parts = urlsplit(self.url)
        connection = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return connection(parts.hostname or "", parts.port, timeout=timeout, blocksize=BLOCK_BYTES)

    def _send(self, connection: HTTPConnection, method: str, target: str, body: object) -> HTTPResponse:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if isinstance(body, bytes | HashFile):
            headers["Content-Type"] = "application/octet-stream"
            if isinstance(body, HashFile) and body.size:
                headers["Content-Length"] = str(body.size)
        elif body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        # If the API refuses an upload half-way (413), sending fails but its response is there to be read.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, target, body, headers)
        return connection.getresponse()

    def _parse(self, status: int, body: bytes) -> Any:
        try:
            data = json.loads(body) if body else None
        except ValueError:
            raise ApiUnavailable(f"{self.url} answered {status} without JSON: it is not an admin API") from None
        if status == HTTPStatus.ACCEPTED and isinstance(data, dict) and data.keys() == {"held"}:
            raise Held(data["held"]["statement"])
        if 200 <= status < 300:
            return data
        problem = data if isinstance(data, dict) else {}
        message = problem.get("detail") or problem.get("title") or f"{self.url} answered {status}"
        if status >= 500:
            raise ApiUnavailable(message, nothing_changed=problem.get("type") == REFUSED_FOR_NOW)
        raise ERROR_OF_STATUS.get(status, UserError if status >= 400 else ApiUnavailable)(message)


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        possible = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        possible = False
    if not possible:
        raise ConfigError(f"EDGEWARD_API: {url!r} is not an http:// or https:// URL")
    return url.rstrip("/")


def _check_token(token: str) -> str:
    if not re.fullmatch(r"[!-~]+", token):
        raise ConfigError("EDGEWARD_TOKEN holds characters that are not allowed in a token")
    return token
