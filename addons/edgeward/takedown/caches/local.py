"""What drivers of caches of one's own share: requests for the target's very bytes, and what an answer means."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from edgeward.cache_settings import LocalCache
from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.answers import Answer
from edgeward.takedown.caches.base import CacheDriver, Purged
from edgeward.takedown.caches.retry_after import retry_after
from edgeward.takedown.caches.wire import TOKEN, Reply, Request, TargetError, Wire
from edgeward.types import Delivery, Target

CONFIRM_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256)
"""Pauses between the purges that go on until the cache says that nothing is left."""
_NOT_SENT = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "range")
)
"""Headers of the exchange itself: a response that claims to vary on them must not disturb ours."""


class LocalDriver(CacheDriver):
    """Asks one cache node over plain HTTP, with its secret."""

    settings: LocalCache

    def __init__(self, settings: LocalCache) -> None:
        super().__init__(settings)
        self._wire = Wire(settings.url, settings.timeout_ms / 1000)
        self._secret = (("Edgeward-Secret", settings.secret),) if settings.secret else ()

    async def _ask(self, requests: Sequence[Request]) -> list[Answer | Purged]:
        """For each request the answer; or the outcome, where the cache is away or overloaded or can't be asked."""
        if self._secret:
            requests = [replace(request, headers=(*self._secret, *request.headers)) for request in requests]
        return [settled(reply) for reply in await self._wire.ask_many(requests)]

    async def close(self) -> None:
        self._wire.close()


async def confirmed[T](
    first: Sequence[T], there: Callable[[T], bool], again: Callable[[list[int]], Awaitable[Sequence[T]]]
) -> list[T]:
    """What is said last of each: `again` is called for those that are still `there`, by their numbers, until none is or
    it has gone on for too long."""
    last = list(first)
    for pause in (0.0, *CONFIRM_SECONDS):
        left = [number for number, said in enumerate(last) if there(said)]
        if not left:
            break
        await asyncio.sleep(pause)
        for number, said in zip(left, await again(left), strict=True):
            last[number] = said
    return last


def settled(reply: Reply) -> Answer | Purged:
    """The outcome where a reply decides it already: nothing came, 429, or 5xx. Else the answer."""
    if isinstance(reply, TargetError):
        return Purged(Delivery.REFUSED, 0, str(reply))
    if isinstance(reply, CacheUnavailable):
        return Purged(Delivery.WAITING, reply.status, str(reply), retry_after=reply.retry_after)
    if reply.status == 501:
        return Purged(Delivery.REFUSED, 501, "status 501: who answers there knows no purges")
    if reply.status == 429 or reply.status >= 500:
        pause = retry_after(reply.headers.get("retry-after", ""))
        return Purged(Delivery.WAITING, reply.status, f"status {reply.status}", retry_after=pause)
    return reply


def refused(answer: Answer) -> Purged:
    """The outcome where the cache does not let us purge, or does not know how to."""
    return Purged(
        Delivery.REFUSED, answer.status, f"status {answer.status}: check the cache's purge rules and the secret"
    )


def varying(target: Target) -> tuple[tuple[str, str], ...]:
    """The headers that name this variant. The origin chose their names: what would not be one header is left out."""
    return tuple([(name, value) for name, value in target.vary if _is_plain(name, value)])


def _is_plain(name: str, value: str) -> bool:
    return bool(TOKEN.fullmatch(name)) and name not in _NOT_SENT and not name.startswith("edgeward-")
