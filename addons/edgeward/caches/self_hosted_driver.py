"""Shared by the drivers of caches that operators host themselves: byte-exact requests, and what a response means."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from edgeward.caches.base import CacheDriver, Purged
from edgeward.caches.raw_http import HEADER_NAME, RawHttpClient, RawHttpRequest, ResponseOrError, TargetError
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.retry_after import retry_after
from edgeward.errors import CacheUnavailable
from edgeward.settings.cache_settings import SelfHostedCache
from edgeward.types import Delivery, Target

REPEAT_PAUSES_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256)
"""Pauses between purges that are repeated until the cache says that nothing is left."""
_NEVER_SENT = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "range")
)
"""Headers that frame or route the purge itself: it must not carry them, even where the response varies on them."""


class SelfHostedDriver(CacheDriver):
    """Purges one cache node over HTTP, with its secret."""

    settings: SelfHostedCache

    def __init__(self, settings: SelfHostedCache) -> None:
        super().__init__(settings)
        self._http = RawHttpClient(settings.url, settings.timeout_ms / 1000)
        self._secret = (("Edgeward-Secret", settings.secret),) if settings.secret else ()

    async def _send(self, requests: Sequence[RawHttpRequest]) -> list[HttpResponse | Purged]:
        """Send requests with the secret. Each gets its response, or its outcome where `response_or_outcome` has one."""
        if self._secret:
            requests = [replace(request, headers=(*self._secret, *request.headers)) for request in requests]
        return [response_or_outcome(reply) for reply in await self._http.ask_many(requests)]

    async def close(self) -> None:
        self._http.close()


async def repeat_until_gone[T](
    first: Sequence[T], is_left: Callable[[T], bool], repeat: Callable[[list[int]], Awaitable[Sequence[T]]]
) -> list[T]:
    """The last result of each purge.

    Args:
        first: the results of the first purges.
        is_left: whether a result says that something is left.
        repeat: purges again what has these numbers. It is called until nothing is left, or all pauses are used up.
    """
    last = list(first)
    for pause in (0.0, *REPEAT_PAUSES_SECONDS):
        # Something can be left because a client or a fetch under way stored it again.
        left = [number for number, result in enumerate(last) if is_left(result)]
        if not left:
            break
        await asyncio.sleep(pause)
        for number, result in zip(left, await repeat(left), strict=True):
            last[number] = result
    return last


def response_or_outcome(reply: ResponseOrError) -> HttpResponse | Purged:
    """The outcome where it is the same for every driver: no response, 429, 5xx. Else the response."""
    if isinstance(reply, TargetError):
        return Purged(Delivery.REFUSED, 0, str(reply))
    if isinstance(reply, CacheUnavailable):
        return Purged.waiting(reply)
    if reply.status == 501:
        # Not an overload: a server that does not know the method will never accept it.
        return Purged(Delivery.REFUSED, 501, "status 501: the server at this url does not support purges")
    if reply.status == 429 or reply.status >= 500:
        pause = retry_after(reply.headers.get("retry-after", ""))
        return Purged(Delivery.WAITING, reply.status, f"status {reply.status}", retry_after=pause)
    return reply


def refused(response: HttpResponse) -> Purged:
    """The outcome where the cache forbids the purge, or does not know how to purge."""
    return Purged(
        Delivery.REFUSED, response.status, f"status {response.status}: check the cache's purge rules and the secret"
    )


def variant_headers(target: Target) -> tuple[tuple[str, str], ...]:
    """The request headers that select this variant.

    Their names come from the origin's Vary: those that are not a valid header name, or that would change the purge
    itself, are left out.
    """
    return tuple(
        [
            (name, value)
            for name, value in target.vary
            if HEADER_NAME.fullmatch(name) and name not in _NEVER_SENT and not name.startswith("edgeward-")
        ]
    )
