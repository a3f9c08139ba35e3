"""A small client for one HTTP API: it talks to that API only, and removes its secrets from messages.

aiohttp is loaded by the first client: workers know the kinds of caches, and never call an API.
"""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarl import URL

from edgeward.caches.connection_errors import describe_error
from edgeward.caches.retry_after import retry_after
from edgeward.errors import CacheUnavailable

if TYPE_CHECKING:
    import aiohttp

MAX_BODY_BYTES = 64 * 1024
"""Bytes of a response that are read; the rest is left unread and the connection closed."""
MIN_SECRET_CHARS = 4
"""Shorter ones are no credentials of any API, and to remove them would garble messages."""
MAX_DETAIL_CHARS = 200
PAGE_TYPES = frozenset(("text/html", "application/xhtml+xml"))
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


class HeaderError(ValueError):
    """A header contains bytes that no HTTP request can carry."""


@dataclass(frozen=True, slots=True)
class CdnResponse:
    """A response of the API. `retry_after`: the pause in seconds that it asked for, if it did."""

    status: int
    body: bytes = b""
    retry_after: float | None = None
    media_type: str = ""

    @property
    def fields(self) -> Mapping[str, Any]:
        """The JSON object in its body; empty when the body is something else."""
        try:
            data = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, which people read: no API answers a call with one."""
        start = self.body[:200].lstrip().lower()
        return bool(start) and (self.media_type in PAGE_TYPES or start.startswith((b"<!doctype html", b"<html")))


class CdnClient:
    """Calls below one base URL: no redirects, no proxies from the environment, no cookies.

    Args:
        timeout: seconds for one call, connecting included.
        secrets: texts that `redacted` removes from messages.
    """

    def __init__(self, url: str, timeout: float, secrets: Iterable[str] = ()) -> None:
        self._url, self._timeout = url, timeout
        self._secrets = set[str]()
        self.add_secrets(*secrets)
        import aiohttp

        self._aiohttp = aiohttp
        self._session: aiohttp.ClientSession | None = None

    def add_secrets(self, *secrets: str) -> None:
        """Have `redacted` remove these too."""
        self._secrets.update(secret for secret in secrets if len(secret) >= MIN_SECRET_CHARS)

    def redacted(self, text: str) -> str:
        """`text` without the secrets, printable and cut to MAX_DETAIL_CHARS."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return _UNPRINTABLE.sub(" ", text).strip()[:MAX_DETAIL_CHARS]

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> CdnResponse:
        """Make one call of `path` (with its query, already encoded) below the base URL.

        Raises:
            HeaderError: the method or a header can't be sent as it is.
            CacheUnavailable: no connection, no response in time, or an invalid one.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(method, path, headers or {}, body)
        except TimeoutError:
            raise CacheUnavailable(f"no answer within {self._timeout:g} s") from None
        except (self._aiohttp.ClientError, OSError) as error:
            raise CacheUnavailable(self.redacted(describe_error(error))) from None
        except ValueError:
            # aiohttp raises it for a line break in a header, and its message would quote the header.
            raise HeaderError("a header contains bytes that no HTTP request can carry") from None

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> CdnResponse:
        url = URL(self._url + path, encoded=True)
        request = self._open_session().request(method, url, headers=headers, data=body, allow_redirects=False)
        async with request as response:
            body = await _read(response.content)
            pause = retry_after(response.headers.get("Retry-After", ""))
            return CdnResponse(response.status, body, pause, response.content_type.lower())

    def _open_session(self) -> "aiohttp.ClientSession":
        if self._session is None:
            # No compression: MAX_BODY_BYTES limits the bytes read, which a decompressed body would exceed.
            headers = {"Accept-Encoding": "identity", "User-Agent": "edgeward"}
            jar = self._aiohttp.DummyCookieJar()
            self._session = self._aiohttp.ClientSession(headers=headers, cookie_jar=jar, auto_decompress=False)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def _read(content: "aiohttp.StreamReader") -> bytes:
    body = b""
    while len(body) < MAX_BODY_BYTES and (more := await content.read(MAX_BODY_BYTES - len(body))):
        body += more
    return body
