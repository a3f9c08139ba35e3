"""An HTTP client for sources: bounded in time and bytes. Credentials go to the configured server only, and no message
holds a secret, a path or a query."""

import asyncio
import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Literal, Self
from urllib.parse import urljoin, urlsplit

from yarl import URL

from edgeward.caches.connection_errors import describe_error
from edgeward.caches.retry_after import retry_after
from edgeward.imports.temporary_files import appended
from edgeward.sources.source_failure import SourceFailed

if TYPE_CHECKING:
    import aiohttp

MEMORY_BYTES = 4 * 1024 * 1024
"""A body of up to this size is not kept on disk."""
PART_BYTES = 256 * 1024
CONNECT_SECONDS, SILENT_SECONDS = 30.0, 60.0
"""Longest times for a connection, and without a byte of an answer."""
MAX_REDIRECTS = 5
PARTIAL_CONTENT = 206
"""What was taken for the whole list would withdraw the rest (RFC 9110, section 15.3.7)."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
DEFAULT_PORTS = {"http": 80, "https": 443}

type Redirects = Literal["none", "same_origin", "https"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a server asks for. `setting`: the keys that a message about a refusal names; "" if there are none."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    setting: str = ""

    @classmethod
    def basic(cls, username: str, password: str) -> Self:
        """HTTP Basic (RFC 7617)."""
        text = base64.b64encode(f"{username}:{password}".encode()).decode()
        return cls({"Authorization": f"Basic {text}"}, "username and password")

    @classmethod
    def bearer(cls, token: str) -> Self:
        """RFC 6750."""
        return cls({"Authorization": f"Bearer {token}"}, "token")


@dataclass(slots=True)
class SourceAnswer:
    """An answer. `headers` by lower-case name; `body` is at its beginning. Close it."""

    status: int
    headers: Mapping[str, str]
    body: BinaryIO
    size: int

    def read(self) -> bytes:
        """The whole body, which is closed."""
        with self.body:
            return self.body.read()


class SourceClient:
    """`async with SourceClient(...) as client`.

    Args:
        url: of the server to which the credentials go.
        directory: where larger bodies are kept, without a name.
        refusals_named: statuses that are no failure: the caller looks at them.
    """

    def __init__(
        self,
        url: str,
        directory: Path,
        credentials: Credentials | None = None,
        redirects: Redirects = "same_origin",
    ) -> None:
        self._origin, self._directory = _origin(url), directory
        self._credentials, self._redirects = credentials or Credentials(), redirects
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        import aiohttp

        self._aiohttp = aiohttp
        self._session = aiohttp.ClientSession(
            headers={"Accept-Encoding": "identity", "User-Agent": "edgeward"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def get(self, url: str, limit: int, headers: Mapping[str, str] | None = None) -> SourceAnswer:
        """The answer to GET, if its status is 2xx or 304. Redirects are followed as far as they are allowed.

        Args:
            limit: of the body, in bytes.

        Raises:
            SourceFailed: no answer, another status, or a larger or incomplete body.
            NoDiskSpace: the disk is full.
        """
        return await self.send("GET", url, limit, headers)

    async def send(
        self, method: str, url: str, limit: int, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> SourceAnswer:
        """The same for any method. What changes something is not redirected."""
        try:
            for _ in range(MAX_REDIRECTS + 1):
                answer = await self._send(method, url, limit, headers or {}, body)
                if answer.status not in REDIRECTS:
                    return self._good(url, answer)
                answer.body.close()
                url = self._redirected(method, url, answer.headers.get("location", ""))
        except TimeoutError:
            raise SourceFailed(f"{_shown(url)} is silent for too long") from None
        except (self._aiohttp.ClientError, OSError) as error:
            raise SourceFailed(f"{_shown(url)} can't be read: {_described(error)}") from None
        except ValueError:
            # aiohttp raises it for a line break in a header, and its message would quote the header.
            raise SourceFailed(f"{_shown(url)}: a header or the URL has bytes that no request can carry") from None
        raise SourceFailed(f"{_shown(url)}: more than {MAX_REDIRECTS} redirects")

    async def _send(
        self, method: str, url: str, limit: int, headers: Mapping[str, str], body: bytes | None
    ) -> SourceAnswer:
        assert self._session is not None
        own = self._credentials.headers if _origin(url) == self._origin else {}
        # As it is written: a signed URL stays valid.
        target = URL(url, encoded=True)
        request = self._session.request(method, target, headers={**headers, **own}, data=body, allow_redirects=False)
        async with request as response:
            file, size = await self._body(url, response, limit)
            found = {name.lower(): value for name, value in response.headers.items()}
            return SourceAnswer(response.status, found, file, size)

    async def _body(self, url: str, response: "aiohttp.ClientResponse", limit: int) -> tuple[BinaryIO, int]:
        file: BinaryIO = io.BytesIO()
        size = 0
        try:
            async for part in response.content.iter_chunked(PART_BYTES):
                size += len(part)
                if size > limit:
                    raise SourceFailed(f"{_shown(url)} sends more than {limit:,} bytes")
                file = await asyncio.to_thread(appended, file, part, self._directory, MEMORY_BYTES)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file, size

    def _good(self, url: str, answer: SourceAnswer) -> SourceAnswer:
        """Raises SourceFailed for a status that is neither 2xx nor 304."""
        status = answer.status
        if (200 <= status < 300 and status != PARTIAL_CONTENT) or status == 304:
            return answer
        answer.body.close()
        if status == PARTIAL_CONTENT:
            raise SourceFailed(f"{_shown(url)} answers 206: a part of the file, and nobody asked for one", None, status)
        if status in (401, 403) and self._credentials.setting:
            raise SourceFailed(f"{_shown(url)} answers {status}: it refuses {self._credentials.setting}", None, status)
        if status in (401, 403):
            raise SourceFailed(f"{_shown(url)} answers {status}: it wants credentials, and the settings have none")
        pause = retry_after(answer.headers.get("retry-after", "")) if status in (429, 503) else None
        may_be = f": it may refuse {self._credentials.setting}" if status == 400 and self._credentials.setting else ""
        raise SourceFailed(f"{_shown(url)} answers {status}{may_be}", pause, status)

    def _redirected(self, method: str, url: str, location: str) -> str:
        """Where a redirect leads. Raises SourceFailed if it is not to be followed."""
        target = urljoin(url, location)
        is_same = _origin(target) == _origin(url)
        is_allowed = {
            "none": False,
            "same_origin": is_same,
            "https": is_same or urlsplit(target).scheme == "https",
        }[self._redirects]
        if not location or not is_allowed or method != "GET":
            where = f" to {_shown(target)}" if location else ""
            raise SourceFailed(f"{_shown(url)} redirects{where}, which redirects = {self._redirects!r} does not allow")
        return target


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454)."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(scheme, 0)


def _shown(url: str) -> str:
    """A URL in a message: without user, path and query, each of which may hold a secret."""
    scheme, host, port = _origin(url)
    return f"{scheme}://{host}" + ("" if port == DEFAULT_PORTS.get(scheme) else f":{port}")


def _described(error: Exception) -> str:
    """The error in words, if they can't hold a URL."""
    words = describe_error(error)
    return type(error).__name__ if "://" in words else words
