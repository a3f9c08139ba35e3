"""Shared by the drivers of caches that operators host themselves: byte-exact requests, and what a response means."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import replace

from edgeward.caches.base import CacheDriver, Purged
from edgeward.caches.raw_http import (
    HEADER_NAME,
    ConnectionClosed,
    RawHttpClient,
    RawHttpRequest,
    ResponseOrError,
    TargetError,
)
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.retry_after import retry_after
from edgeward.caches.urls import is_host
from edgeward.errors import CacheUnavailable
from edgeward.settings.cache_settings import SelfHostedCache
from edgeward.types import UNKNOWN_VARY, Cause, Delivery, PurgeOrder, Scope, Target

REPEAT_PAUSES_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256)
"""Pauses between purges that are repeated until the cache says that nothing is left."""
_NEVER_SENT = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "range")
)
"""Headers that frame or route the purge itself: it must not carry them, even where the response varies on them."""
BAD_TARGET = frozenset((400, 414, 431))
"""Statuses that a cache gives to a request whose target it does not accept (RFC 9110, 15.5.1, 15.5.15; RFC 6585, 5)."""
PLAIN_TARGET = Target("http", "edgeward.invalid", "/.well-known/edgeward/none")
"""A target that every cache accepts, and under which none stores anything."""
_LONG_BYTES = 4096
"""Targets that are longer than this are refused by some caches, from clients too."""
_MAX_BYTES_WITH_VARIANT = 16384
"""Length of a target and its request headers up to which a purge that removes all variants carries these headers."""


_SERVER_CHARACTERS = 80
"""Of the name of a server in a sentence."""
_MAX_VARIANT_HEADERS = 32
"""Number of such headers: Varnish accepts 64 in one request."""


class SelfHostedDriver(CacheDriver):
    """Purges one cache node over HTTP, with its secret."""

    settings: SelfHostedCache

    def __init__(self, settings: SelfHostedCache) -> None:
        super().__init__(settings)
        self._http = RawHttpClient(settings.url, settings.timeout_ms / 1000)
        self._secret = (("Edgeward-Secret", settings.secret),) if settings.secret else ()

    def _object_of(self, order: PurgeOrder) -> Hashable:
        """A purge is a request to the cache, which names no scheme: those for http and https are the same."""
        target = order.target
        return target.host, target.path, target.vary, target.key_headers, order.tag

    async def _send(self, requests: Sequence[RawHttpRequest]) -> list[HttpResponse | Purged]:
        """Send requests with the secret. Each gets its response, or its outcome where `response_or_outcome` has one."""
        if self._secret:
            requests = [replace(request, headers=(*self._secret, *request.headers)) for request in requests]
        replies = await self._http.ask_many(requests)
        closed = [
            number
            for number, (request, reply) in enumerate(zip(requests, replies, strict=True))
            if isinstance(reply, ConnectionClosed) and len(request.path) + len(request.host) > _LONG_BYTES
        ]
        results = [response_or_outcome(reply) for reply in replies]
        if closed and await self._answers_short(requests[closed[0]]):
            for number in closed:
                results[number] = Purged(Delivery.REFUSED, 0, _too_long(requests[number]))
        return results

    async def _answers_short(self, request: RawHttpRequest) -> bool:
        """Whether the cache answers the same request for a short target, which is in no cache."""
        short = replace(request, host=PLAIN_TARGET.host, path=PLAIN_TARGET.path, headers=self._secret)
        (reply,) = await self._http.ask_many([short])
        return isinstance(reply, HttpResponse)

    async def _carry_out(self, scope: Scope, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """Says of each outcome whether a request for it may have got no answer."""
        unanswered_before = self._http.unanswered
        outcomes = await self._carry_out_explained(scope, orders)
        if self._http.unanswered == unanswered_before:
            return outcomes
        # Which order it was of is not followed: it may also be one of another call at the same time.
        return [replace(outcome, unanswered=True) for outcome in outcomes]

    async def _carry_out_explained(self, scope: Scope, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """A cache that refuses one target, and accepts others, is not misconfigured."""
        outcomes = await super()._carry_out(scope, orders)
        if not any(map(_refuses_target, outcomes)):
            return outcomes
        if scope is not Scope.TARGET:
            # A prefix is refused as its targets are. What a tag may be, the cache's configuration says.
            is_odd = [scope is Scope.PREFIX and is_unusual(order.target) for order in orders]
            return [
                target_refused(outcome.status) if odd and _refuses_target(outcome) else outcome
                for odd, outcome in zip(is_odd, outcomes, strict=True)
            ]
        plain_accepted: bool | None = None
        for number, (order, outcome) in enumerate(zip(orders, outcomes, strict=True)):
            if not _refuses_target(outcome):
                continue
            if not is_unusual(order.target) and plain_accepted is None:
                (plain,) = await super()._carry_out(scope, [PurgeOrder(PLAIN_TARGET, Cause.MANUAL, 0.0)])
                plain_accepted = plain.delivery in (Delivery.VERIFIED, Delivery.DELIVERED)
            if is_unusual(order.target) or plain_accepted:
                outcomes[number] = await self._explain_refusal(order.target, outcome.status)
        return outcomes

    async def _explain_refusal(self, target: Target, status: int) -> Purged:
        """The outcome of an order whose target alone the cache refuses."""
        return target_refused(status)

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


def is_unusual(target: Target) -> bool:
    """Whether a target is one that some caches refuse from everybody: then none of it can be cached there."""
    return not target.path.isascii() or len(target.path) > _LONG_BYTES or not is_host(target.host)


def target_refused(status: int) -> Purged:
    """The outcome where the cache refuses to purge the target as such: the settings are not to blame."""
    return Purged(Delivery.UNSUPPORTED, status, f"status {status}: this cache refuses every purge of this target")


def _refuses_target(outcome: Purged) -> bool:
    return outcome.delivery is Delivery.REFUSED and outcome.status in BAD_TARGET


def _too_long(request: RawHttpRequest) -> str:
    return (
        f"the cache closes the connection: a {request.method} of {len(request.encode())} bytes is longer than it "
        "accepts; raise that limit"
    )


def refused(response: HttpResponse) -> Purged:
    """The outcome where the cache forbids the purge, or does not know how to purge."""
    return Purged(
        Delivery.REFUSED, response.status, f"status {response.status}: check the cache's purge rules and the secret"
    )


def answered_by(response: HttpResponse) -> str:
    """Which server answered, for people: as it names itself, at most _SERVER_CHARACTERS."""
    name = response.headers.get("server", "")[:_SERVER_CHARACTERS]
    return repr(name) if name else "a server that does not name itself"


def no_purge(response: HttpResponse, missing: str, fix: str) -> Purged:
    """The outcome of a response that looks like a yes, and that any server may have given.

    `missing`: what a server that purges would have sent. `fix`: what to do.
    """
    detail = f"status {response.status} from {answered_by(response)} without {missing}: any server answers so; {fix}"
    return Purged(Delivery.REFUSED, response.status, detail)


def some_variant_headers(target: Target) -> tuple[tuple[str, str], ...]:
    """`variant_headers` for a purge that removes all variants: none where they would make it too long for the cache."""
    headers = variant_headers(target)
    length = len(target.path) + sum(len(name) + len(value) + 4 for name, value in headers)
    return headers if length <= _MAX_BYTES_WITH_VARIANT and len(headers) <= _MAX_VARIANT_HEADERS else ()


def variant_headers(target: Target) -> tuple[tuple[str, str], ...]:
    """The request headers that select this variant, each once, however often Vary names it.

    Their names come from the origin's Vary: those that are not a valid header name, or that would change the purge
    itself, are left out.
    """
    return tuple(
        [
            (name, value)
            for name, value in dict.fromkeys(target.vary)
            if HEADER_NAME.fullmatch(name)
            and name not in _NEVER_SENT
            and name != UNKNOWN_VARY
            and not name.startswith("edgeward-")
        ]
    )
