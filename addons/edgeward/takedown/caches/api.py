"""A small client of one HTTP API: it talks to that API only, and nothing of its secrets gets into a message."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.retry_after import retry_after

MAX_BODY = 64 * 1024
"""So many bytes of an answer are read; the rest is left unread and the connection closed."""
MAX_SAID = 200
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


class Unwritable(ValueError):
    """A header of the request holds bytes that no header can carry."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answered. `retry_after`: seconds that it asked to be left alone for, where it did."""

    status: int
    body: bytes = b""
    retry_after: float | None = None

    @property
    def fields(self) -> Mapping[str, Any]:
        """The JSON object of its body; empty when it is none."""
        try:
            data = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}


class Api:
    """Calls below one base URL: no redirects, no proxies of the environment, no cookies.

    Args:
        timeout: for one call, connecting included, in seconds.
        secrets: what `hidden` leaves out of messages.
    """

    def __init__(self, url: str, timeout: float, secrets: Iterable[str] = ()) -> None:
        self._url, self._timeout = url, timeout
        self._secrets = {secret for secret in secrets if secret}
        self._session: aiohttp.ClientSession | None = None

    def keep_secret(self, *secrets: str) -> None:
        """From now on `hidden` leaves these out too."""
        self._secrets.update(secrets)

    def hidden(self, text: str) -> str:
        """`text`, printable and short, without any of the secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return _UNPRINTABLE.sub(" ", text).strip()[:MAX_SAID]

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        """One call of `path` (with its query, encoded already) below the base URL.

        Raises:
            Unwritable: the method or a header can't be sent as it is.
            CacheUnavailable: no connection, no answer in time, or none that is HTTP.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(method, path, headers or {}, body)
        except TimeoutError:
            raise CacheUnavailable(f"no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise CacheUnavailable(self.hidden(f"{type(error).__name__}: {error}")) from None
        except ValueError:
            # aiohttp's word for line breaks in what is to be one line; its message would show the line.
            raise Unwritable("a header of the request holds bytes that no header can carry") from None

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        url = URL(self._url + path, encoded=True)
        request = self._opened().request(method, url, headers=headers, data=body, allow_redirects=False)
        async with request as response:
            kept = await _read(response.content)
            return Reply(response.status, kept, retry_after(response.headers.get("Retry-After", "")))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Nothing coded is asked for: what is bounded are the bytes that are read.
            headers = {"Accept-Encoding": "identity", "User-Agent": "edgeward"}
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(headers=headers, cookie_jar=jar, auto_decompress=False)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def _read(content: aiohttp.StreamReader) -> bytes:
    kept = b""
    while len(kept) < MAX_BODY and (more := await content.read(MAX_BODY - len(kept))):
        kept += more
    return kept
