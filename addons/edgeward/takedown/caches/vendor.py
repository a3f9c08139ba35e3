"""What the drivers of CDNs share: many orders in one call, the vendor's rates, and what an answer means for each order.

An API tells that it took a purge, not that nothing is left: the best outcome is `delivered`. What is refused is
refused for a reason that somebody must mend; everything else waits and is asked again.
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from edgeward.cache_settings import CacheSettings, GenericCache, VendorCache
from edgeward.errors import CacheUnavailable
from edgeward.fields import is_hidden
from edgeward.takedown.caches.api import Api, Reply, Unwritable
from edgeward.takedown.caches.base import CacheDriver, Purged, Rate
from edgeward.takedown.caches.batches import Items, Room, grouped, unique, written
from edgeward.takedown.caches.pace import Pace
from edgeward.takedown.caches.urls import Unsendable
from edgeward.types import Delivery, PurgeOrder, Scope

type Call = Callable[[Sequence[Any]], Awaitable[Purged]]

MAX_CALLS = 64
"""Calls that one batch may take when it is halved to find out what the API refuses in it. The rest waits."""
CONCURRENCY = 16
"""Purging calls at the same time."""
FIRST_POLL_SECONDS = 0.25
LONGEST_POLL_SECONDS = 2.0
TOO_MANY = Purged(Delivery.WAITING, 0, "too much of the batch is refused: the rest is asked again")


class Vendor(CacheDriver):
    """A driver on top of an HTTP API. A subclass says what one call looks like, and when its answer is a yes."""

    settings: VendorCache | GenericCache
    rates: ClassVar[Mapping[Scope, Rate]] = {}
    """The calls that prefixes or tags have a bucket of their own for. `per_second` of the settings replaces all."""
    credentials: ClassVar[str] = "token"
    """The settings that a 401 or 403 speaks of."""
    place: ClassVar[str] = "zone"
    """The setting that a 404 speaks of."""

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        self._timeout = settings.timeout_ms / 1000
        self._api = Api(settings.url, self._timeout, _secrets(settings))
        self._slots = asyncio.Semaphore(CONCURRENCY)
        # A batch may take several calls, and it is calls that the vendor counts.
        self._limiter = None
        own = {} if self.settings.per_second else self.rates
        common = self._pace(self._rate())
        self._paces = {scope: self._pace(own[scope]) if scope in own else common for scope in Scope}

    def _rate(self) -> Rate | None:
        if self.settings.per_second:
            return Rate(self.settings.per_second, max(1.0, self.settings.per_second))
        return self.abilities.rate

    def _pace(self, rate: Rate | None) -> Pace | None:
        return Pace(rate, self._timeout) if rate else None

    async def _ask(
        self, scope: Scope, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Reply:
        """One purging call, when the rate allows it."""
        if pace := self._paces[scope]:
            await pace.take()
        async with self._slots:
            return await self._send(method, path, headers, body)

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        try:
            return await self._api.ask(method, path, headers, body)
        except Unwritable as error:
            raise Unsendable(f"{error}: mend {self.credentials}") from None

    def _outcome(self, reply: Reply) -> Purged:
        """What a call came to. Raises CacheUnavailable when it is to be made again."""
        said = self._api.hidden(self._said(reply))
        if reply.status in (408, 425, 429) or reply.status >= 500 or self._is_busy(reply):
            raise CacheUnavailable(said or f"status {reply.status}", reply.status, reply.retry_after)
        if 200 <= reply.status < 300:
            return self._taken(reply, said)
        return Purged(Delivery.REFUSED, reply.status, f"{self._mend(reply.status)}: {said}".removesuffix(": "))

    def _taken(self, reply: Reply, said: str) -> Purged:
        """A status is no proof: gateways, portals and some APIs answer 200 to everything."""
        if self._is_accepted(reply):
            return Purged(Delivery.DELIVERED, reply.status, "accepted")
        if self._is_known(reply):
            return Purged(Delivery.REFUSED, reply.status, f"it says no: {said}".removesuffix(": "))
        raise CacheUnavailable("the answer is not this API's: does `url` name it?", reply.status)

    def _is_accepted(self, reply: Reply) -> bool:
        """Whether a 2xx says that the purge was taken."""
        return True

    def _is_known(self, reply: Reply) -> bool:
        """Whether a 2xx that is no yes is at least this API's own."""
        return bool(reply.fields)

    def _is_busy(self, reply: Reply) -> bool:
        """Whether a status below 500 says "later"."""
        return False

    def _said(self, reply: Reply) -> str:
        """What the API gives as its reason, "" where it gives none. Secrets are taken out afterwards."""
        fields = {name.lower(): value for name, value in reply.fields.items()}
        return next((text for name in ("message", "detail", "msg") if isinstance(text := fields.get(name), str)), "")

    def _mend(self, status: int) -> str:
        match status:
            case 401:
                return f"the credentials are not accepted: mend {self.credentials}"
            case 403:
                return f"not allowed: mend {self.credentials}, or what it may do"
            case 404:
                return f"not found: mend {self.place}"
            case 405 | 410 | 501:
                return "no such call here: mend url"
            case _ if 300 <= status < 400:
                return "it sends us elsewhere, where we do not go: mend url"
            case _:
                return "the request is not accepted"

    def _is_of_one(self, purged: Purged) -> bool:
        """Whether a refusal may be about one item of the call, not about all."""
        return purged.delivery is Delivery.REFUSED and (purged.status < 300 or purged.status in (400, 409, 413, 422))

    async def _together(self, orders: Sequence[PurgeOrder], items: Items, call: Call, room: Room) -> list[Purged]:
        """As few calls as fit. One that is refused for what is in it is made again in halves: a bad URL fails alone."""
        lines, answers = written(orders, items)
        groups = deque(grouped(lines, room))
        calls = len(groups) + MAX_CALLS
        while groups:
            group = groups.popleft()
            purged = TOO_MANY if not calls else await self._safely(call, unique(lines[number] for number in group))
            calls = max(0, calls - 1)
            if self._is_of_one(purged) and len(group) > 1:
                groups.extendleft((group[len(group) // 2 :], group[: len(group) // 2]))
                continue
            if purged.delivery is Delivery.WAITING:
                group += [number for other in groups for number in other]
                groups.clear()
            answers.update(dict.fromkeys(group, purged))
        return [answers[number] for number in range(len(orders))]

    async def _each(self, orders: Sequence[PurgeOrder], items: Items, call: Call) -> list[Purged]:
        """A call for each different item, side by side. An order has one item here."""
        lines, answers = written(orders, items)
        different = list(dict.fromkeys(lines.values()))
        made = await asyncio.gather(*(self._safely(call, unique([own])) for own in different))
        purged = dict(zip(different, made, strict=True))
        answers.update({number: purged[own] for number, own in lines.items()})
        return [answers[number] for number in range(len(orders))]

    async def _safely(self, call: Call, items: Sequence[Any]) -> Purged:
        try:
            return await call(items)
        except CacheUnavailable as error:
            return Purged(Delivery.WAITING, error.status, str(error), retry_after=error.retry_after)
        except Unsendable as error:
            return Purged(Delivery.REFUSED, 0, str(error))

    async def _until(self, done: Callable[[], Awaitable[Purged | None]], accepted: Purged) -> Purged:
        """Ask whether an accepted purge is complete, until it is or `timeout_ms` have passed: accepted it stays."""
        end = asyncio.get_running_loop().time() + self._timeout
        pause = FIRST_POLL_SECONDS
        while asyncio.get_running_loop().time() + pause < end:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
            try:
                if purged := await done():
                    return purged
            except CacheUnavailable:
                continue
        return accepted

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        if not getattr(self.settings, "tags", False):
            return await super()._tags(orders)
        return await self._tagged(orders)

    async def _tagged(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """`_tags` of a cache whose content is tagged."""
        return await super()._tags(orders)

    async def close(self) -> None:
        await self._api.close()


def as_json(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def tag_of(order: PurgeOrder) -> list[str]:
    return [order.tag]


def _secrets(settings: CacheSettings) -> Iterator[str]:
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if is_hidden(field) and isinstance(value, str):
            yield value
