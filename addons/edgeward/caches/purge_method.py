"""Shared by caches that support the method PURGE and `only-if-cached` probes: Squid, Traffic Server."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from edgeward.caches.base import STILL_CACHED, Purged
from edgeward.caches.raw_http import RawHttpRequest, ResponseOrError
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.self_hosted_driver import (
    BAD_TARGET,
    PLAIN_TARGET,
    REPEAT_PAUSES_SECONDS,
    SelfHostedDriver,
    answered_by,
    refused,
    response_or_outcome,
    target_refused,
    variant_headers,
)
from edgeward.types import Cause, Delivery, PurgeOrder, Target

NOT_CACHED = 504
"""The response to `only-if-cached` when nothing is cached (RFC 9111, section 5.2.1.7)."""
_PROBE = ("Cache-Control", "only-if-cached, max-stale")
"""With `max-stale` the probe also finds stale copies: the cache may serve them when the origin is unreachable."""
_CACHED_ERRORS = (404, 410)
"""Error statuses that may come from a cached response, so they do not say that the probe was refused."""


@dataclass(slots=True, eq=False)
class CachedObject:
    """An object that may be cached: a target, or one variant of it.

    `removed`: purges after which it was said that something was removed. `is_evident`: the cache has also said that
    nothing is there: a server that answers everything alike never does both. `other_server`: what answered a purge, if
    it is not this kind of cache. `problem`: the outcome, where the purge cannot be verified.
    """

    target: Target
    headers: tuple[tuple[str, str], ...] = ()
    removed: int = 0
    is_evident: bool = False
    other_server: str = ""
    problem: Purged | None = None

    def request(self, method: str, *headers: tuple[str, str]) -> RawHttpRequest:
        return RawHttpRequest(method, self.target.host, self.target.path, (*self.headers, *headers))


class PurgeMethodDriver(SelfHostedDriver):
    """PURGE returns 200 where something was removed, 404 where nothing was cached.

    A probe confirms the result: it asks like a client, without the secret, and never fills the cache. No other server
    answers 504 to it, so no other server is taken for this cache.
    """

    server_mark: ClassVar[str]
    """In lower case, what this kind of cache has in the header Server or Via of its answer to a purge."""

    async def _purge_once(self, objects: Sequence[CachedObject]) -> list[CachedObject]:
        """PURGE each; return those that were removed at least in part."""
        removed = []
        responses = await self._send([each.request("PURGE") for each in objects])
        for each, response in zip(objects, responses, strict=True):
            if isinstance(response, Purged):
                each.problem = response
                continue
            if not self._is_own(response):
                each.other_server = answered_by(response)
            if response.status == 200:
                each.removed += 1
                removed.append(each)
            elif response.status == 404:
                each.is_evident = True
            else:
                each.problem = refused(response)
        return removed

    def _is_own(self, response: HttpResponse) -> bool:
        """Whether this kind of cache may have made the response: one that hides its name is believed."""
        headers = response.headers
        return "server" not in headers or self.server_mark in f"{headers['server']} {headers.get('via', '')}".lower()

    async def _purge_until_gone(self, objects: Sequence[CachedObject]) -> None:
        """PURGE each until nothing is left of it."""
        for pause in REPEAT_PAUSES_SECONDS:
            if not (objects := await self._purge_once(objects)):
                return
            await asyncio.sleep(pause)

    async def _probe(self, objects: Sequence[CachedObject]) -> list[ResponseOrError]:
        """Ask for each as a client does, without filling the cache."""
        # Not by `_send`, which adds the secret and treats 504 as an overload.
        return await self._http.ask_many([each.request("GET", _PROBE) for each in objects])

    async def _still_cached(self, objects: Sequence[CachedObject]) -> list[CachedObject]:
        """The objects that the cache would still serve."""
        cached = []
        for each, reply in zip(objects, await self._probe(objects), strict=True):
            if isinstance(reply, HttpResponse) and reply.status == NOT_CACHED:
                each.is_evident = True
                continue
            response = response_or_outcome(reply)
            if isinstance(response, Purged):
                each.problem = response
            elif 400 <= response.status < 500 and response.status not in _CACHED_ERRORS:
                each.problem = refused(response)
            else:
                cached.append(each)
        return cached

    async def _explain_refusal(self, target: Target, status: int) -> Purged:
        """A PURGE is longer than a GET: a cache may refuse it, and serve the target all the same."""
        probe = CachedObject(target, variant_headers(target)).request("GET", _PROBE)
        (reply,) = await self._http.ask_many([probe])
        if not isinstance(reply, HttpResponse):
            return target_refused(status)
        if reply.status in (NOT_CACHED, *BAD_TARGET):
            # A server that answers so to everything is not this cache.
            (plain,) = await self._targets([PurgeOrder(PLAIN_TARGET, Cause.MANUAL, 0.0)])
            if plain.delivery is not Delivery.VERIFIED:
                return refused(HttpResponse(status, {}))
            detail = f"status {status}: this cache refuses every purge of this target, and serves no copy of it"
            return Purged(Delivery.VERIFIED, reply.status, detail, count=0)
        return Purged(
            Delivery.REFUSED, status, f"status {status}: this cache accepts a GET of this target, but no purge"
        )

    async def _verify(self, objects: Iterable[CachedObject]) -> None:
        """Probe each that has no problem yet."""
        for each in await self._still_cached([each for each in objects if not each.problem]):
            answered = f" (answered by {each.other_server})" if each.other_server else ""
            each.problem = Purged(Delivery.WAITING, 200, f"{STILL_CACHED}{answered}")


def outcome(objects: Sequence[CachedObject]) -> Purged:
    """The outcome of an order from those of its objects. Only copies that were evidently removed are counted."""
    removed = sum(each.removed for each in objects if each.is_evident)
    problem = next((each.problem for each in objects if each.problem), None)
    if problem:
        return replace(problem, count=removed or None)
    return Purged(Delivery.VERIFIED, NOT_CACHED, count=removed)
