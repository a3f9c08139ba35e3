"""Shared by the drivers of CDNs: many orders in one call, rate limits, and what a response means for each order.

An API confirms that it accepted a purge, not that nothing is left: the best outcome is `delivered`. A refusal has a
cause that an operator must fix; everything else waits and is tried again.
"""

import asyncio
import json
import re
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from edgeward.caches.base import CacheDriver, Purged, Rate
from edgeward.caches.batch_search import BatchSearch, RefusedItems
from edgeward.caches.batches import BatchLimits, ItemsOf, distinct_items, encode_items
from edgeward.caches.cdn_client import CdnClient, CdnResponse, HeaderError
from edgeward.caches.rate_limit import RateLimit
from edgeward.caches.urls import Unsendable
from edgeward.errors import CacheUnavailable
from edgeward.settings.cache_settings import CacheSettings, CdnCache, GenericCache
from edgeward.settings.setting_types import is_secret
from edgeward.types import Delivery, PurgeOrder, Scope

type Call = Callable[[Sequence[Any]], Awaitable[Purged]]
"""One call of the API for these items. Raises CacheUnavailable, Unsendable."""

MAX_CONCURRENT_CALLS = 16
FIRST_POLL_SECONDS = 0.25
LONGEST_POLL_SECONDS = 2.0
_TOO_MUCH = re.compile(r"rate.?limit|throttl|too many (requests|calls)|slow down", re.IGNORECASE)
"""Words of an API that refuses because of too many calls."""


class CdnDriver(CacheDriver):
    """A driver on top of an HTTP API. A subclass builds the calls, and says which responses accept a purge.

    `poll_seconds`: how long to poll whether an accepted purge is complete.
    """

    settings: CdnCache | GenericCache
    rates: ClassVar[Mapping[Scope, Rate]] = {}
    """Separate rate limits of purges by prefix or tag. `per_second` of the settings replaces all limits."""
    credential_settings: ClassVar[str] = "token"
    """The settings to check after a 401 or 403."""
    resource_settings: ClassVar[str] = "zone"
    """The settings to check after a 404."""

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        self._timeout = self.poll_seconds = settings.timeout_ms / 1000
        self._api = CdnClient(settings.url, self._timeout, _secrets(settings))
        # A backlog must not open a connection for each of its calls.
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self._refused_alone = RefusedItems()
        # The base class limits batches. A batch may take several calls here, and a CDN counts calls.
        self._limiter = None
        per_second = self.settings.per_second
        rate, rates = self.abilities.rate, self.rates
        if per_second:
            rate, rates = Rate(per_second, max(1.0, per_second)), {}
        common = RateLimit(rate, self._timeout) if rate else None
        self._rate_limits = {
            scope: RateLimit(rates[scope], self._timeout) if scope in rates else common for scope in Scope
        }

    async def _send_purge(
        self, scope: Scope, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> CdnResponse:
        """Make one purging call, as soon as the rate limit allows it."""
        if rate_limit := self._rate_limits[scope]:
            await rate_limit.take()
        async with self._slots:
            return await self._send(method, path, headers, body)

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> CdnResponse:
        try:
            return await self._api.ask(method, path, headers, body)
        except HeaderError as error:
            # Only these settings can put such bytes into a header.
            raise Unsendable(f"{error}: fix {self.credential_settings}") from None

    def _outcome(self, response: CdnResponse) -> Purged:
        """The outcome of a call. Raises CacheUnavailable when the call must be made again."""
        status, detail = response.status, self._api.redacted(self._error_detail(response) or words_of(response))
        if self._is_overloaded(response):
            raise CacheUnavailable(detail or f"status {status}", status, response.retry_after)
        if not 200 <= status < 300:
            return Purged(Delivery.REFUSED, status, f"{self._fix_hint(status)}: {detail}".removesuffix(": "))
        # A status alone proves nothing: gateways, captive portals and some APIs return 200 for everything.
        if self._is_accepted(response):
            return Purged(Delivery.DELIVERED, status, "accepted")
        if self._is_from_api(response):
            return Purged(Delivery.REFUSED, status, f"the API refused: {detail}".removesuffix(": "))
        raise CacheUnavailable("the response is not from this API: check url", status)

    def _is_overloaded(self, response: CdnResponse) -> bool:
        """Whether the call is to be made again later, as it is."""
        status = response.status
        # 501 is no overload: a server that does not know the call will never accept it (RFC 9110, 15.6.2).
        if status in (408, 425, 429) or (status >= 500 and status != 501) or self._is_busy(response):
            return True
        # Some APIs limit calls by a status that usually means another thing, and say so.
        asks_to_wait = status in (400, 403, 409) and response.retry_after is not None
        accepts = 200 <= status < 300 and self._is_accepted(response)
        return asks_to_wait or (not accepts and bool(_TOO_MUCH.search(self._error_detail(response))))

    @abstractmethod
    def _is_accepted(self, response: CdnResponse) -> bool:
        """Whether a response with status 2xx is what the API documents as its yes. Nothing else is one."""

    def _is_from_api(self, response: CdnResponse) -> bool:
        """Whether a 2xx that does not accept the purge comes from this API at all."""
        return bool(response.fields)

    def _is_busy(self, response: CdnResponse) -> bool:
        """Whether a response with a status below 500 means "try again later"."""
        return False

    def _error_detail(self, response: CdnResponse) -> str:
        """The reason that the API gives, "" where it gives none. `_outcome` removes secrets from it."""
        fields = {name.lower(): value for name, value in response.fields.items()}
        texts = (fields.get(name) for name in ("message", "detail", "msg", "error"))
        return next((text for text in texts if isinstance(text, str)), "")

    def _fix_hint(self, status: int) -> str:
        match status:
            case 401:
                return f"the credentials are not accepted: fix {self.credential_settings}"
            case 403:
                return f"not allowed: fix {self.credential_settings}, or its permissions"
            case 404:
                return f"not found: fix {self.resource_settings}"
            case 405 | 410 | 501:
                return "the API does not know this call: fix url"
            case _ if 300 <= status < 400:
                return "the API redirects; redirects are not followed: fix url"
            case _:
                return "the API does not accept the request"

    def _may_concern_one_item(self, purged: Purged) -> bool:
        """Whether a refusal may be caused by one item of the call, rather than by the call as such."""
        return purged.delivery is Delivery.REFUSED and (purged.status < 300 or purged.status in (400, 409, 413, 422))

    async def _purge_in_batches(
        self, orders: Sequence[PurgeOrder], items_of: ItemsOf, call: Call, limits: BatchLimits
    ) -> list[Purged]:
        """Purge with as few calls as the limits allow.

        A call that is refused for its content is made again in parts, so that a bad item fails alone.
        """
        encoded, outcomes = encode_items(orders, items_of)
        search = BatchSearch(
            encoded,
            self._refused_alone,
            lambda numbers: self._try(call, distinct_items(encoded[number] for number in numbers)),
            self._may_concern_one_item,
        )
        outcomes.update(await search.run(limits))
        return [outcomes[number] for number in range(len(orders))]

    async def _purge_each(self, orders: Sequence[PurgeOrder], items_of: ItemsOf, call: Call) -> list[Purged]:
        """Purge with one call for each distinct item, concurrently. `items_of` must return one item."""
        encoded, outcomes = encode_items(orders, items_of)
        distinct = list(dict.fromkeys(encoded.values()))
        results = await asyncio.gather(*(self._try(call, distinct_items([item])) for item in distinct))
        purged = dict(zip(distinct, results, strict=True))
        outcomes.update({number: purged[item] for number, item in encoded.items()})
        return [outcomes[number] for number in range(len(orders))]

    async def _try(self, call: Call, items: Sequence[Any]) -> Purged:
        try:
            return await call(items)
        except CacheUnavailable as error:
            return Purged.waiting(error)
        except Unsendable as error:
            return Purged(Delivery.REFUSED, 0, str(error))

    async def _poll(self, completed: Callable[[], Awaitable[Purged | None]], accepted: Purged) -> Purged:
        """Poll until an accepted purge is complete. After `poll_seconds` its outcome stays `accepted`.

        Args:
            completed: the outcome, or None while the purge is in progress. May raise CacheUnavailable.
        """
        end = asyncio.get_running_loop().time() + self.poll_seconds
        pause = FIRST_POLL_SECONDS
        while asyncio.get_running_loop().time() + pause < end:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
            try:
                if purged := await completed():
                    return purged
            except CacheUnavailable:
                continue
        return accepted

    async def close(self) -> None:
        await self._api.close()


def as_json(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def tag_item(order: PurgeOrder) -> list[str]:
    """The item of an order by tag, where the API takes tags as they are."""
    return [order.tag]


def words_of(response: CdnResponse) -> str:
    """The JSON object of a response that gives no reason in a field that is known, "" where there is none."""
    # Encoded anew: in another spelling secrets would not be found in it.
    return json.dumps(response.fields, ensure_ascii=False) if response.fields else ""


def _secrets(settings: CacheSettings) -> Iterator[str]:
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if is_secret(field) and isinstance(value, str):
            yield value
