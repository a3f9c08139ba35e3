"""Looks into caches that always fetch what they do not have, by what their responses say: from storage, or fetched."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol, Self

from edgeward.caches import Purged
from edgeward.caches.response_parser import HttpResponse
from edgeward.doctor.harmless_object import with_own_query
from edgeward.doctor.key_variants import PURGED, VARIANTS, Headers
from edgeward.types import Delivery, Target

_OF_X_CACHE = {"HIT": True, "MISS": False}
"""nginx's $upstream_cache_status."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A response to a look.

    `date`: "" if it has none, or the cache sets its own. `is_hit`: True if the cache says that it came from its storage
    (Varnish: two numbers in X-Varnish; nginx: X-Cache); None if it does not say.
    """

    status: int
    etag: str
    date: str
    vary: str
    is_hit: bool | None

    @classmethod
    def of(cls, response: HttpResponse, keeps_date: bool) -> Self:
        """`keeps_date`: the cache serves the origin's Date."""
        found = response.headers
        numbers = found.get("x-varnish", "").split()
        # Two joined values are those of two caches: which is whose is not known.
        x_cache = None if keeps_date else _OF_X_CACHE.get(found.get("x-cache", ""))
        return cls(
            status=response.status,
            etag=found.get("etag", ""),
            date=found.get("date", "") if keeps_date else "",
            vary=found.get("vary", "").lower(),
            is_hit=len(numbers) > 1 if numbers else x_cache,
        )

    def is_same(self, other: "Copy", is_unique: bool) -> bool | None:
        """Whether both are one response of the origin; None if that can't be known.

        `is_unique`: each response has another ETag, as those of Edgeward's own object have.
        """
        if self.etag != other.etag or (is_unique and self.etag):
            return self.etag == other.etag
        return self.date == other.date if self.date and other.date else None


class Get(Protocol):
    """Asks the cache as clients do."""

    async def __call__(self, target: Target, headers: Headers, *more: tuple[str, str]) -> Copy: ...


class HitLooks:
    """Looks with targets of their own, which no other client asks for: what is stored there was stored by the look.

    A response counts only where the cache is seen to tell: the first is no hit, the second is one.

    Attributes:
        told: whether it was seen to tell of any.
    """

    def __init__(self, get: Get, purge: Callable[[Target], Awaitable[Purged]]) -> None:
        self._get, self._purge = get, purge
        self.told = False

    async def left(self, target: Target) -> dict[Headers, Copy]:
        """For which requests a copy is left after the purge of what the first one gets."""
        found = {headers: await self.left_of(with_own_query(target), headers) for headers in VARIANTS}
        return {headers: copy for headers, copy in found.items() if copy}

    async def left_of(self, target: Target, headers: Headers) -> Copy | None:
        """The copy for these headers that the purge leaves. `target`: one that was never asked for."""
        if not await self._is_stored(target, headers):
            return None
        # One that meets nothing may be refused: such a 404 may come from any server. The copy is left then too.
        if (await self._purge(replace(target, vary=PURGED))).delivery is Delivery.WAITING:
            return None
        now = await self._get(target, headers)
        return now if now.is_hit else None

    async def are_apart(self, target: Target, one: Headers, other: Headers) -> bool:
        """Whether the cache has a copy for each of these. `target`: one that was never asked for."""
        return await self._is_stored(target, one) and (await self._get(target, other)).is_hit is False

    async def _is_stored(self, target: Target, headers: Headers) -> bool:
        first, again = await self._get(target, headers), await self._get(target, headers)
        is_stored = first.is_hit is False and again.is_hit is True
        self.told |= is_stored
        return is_stored
