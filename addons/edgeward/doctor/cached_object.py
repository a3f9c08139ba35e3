"""Puts a harmless object into a cache, purges it, and looks whether a copy is left.

There are two ways to look. A cache that answers `only-if-cached` with 504 when it has nothing (RFC 9111, section
5.2.1.7) is asked without a fetch. Others fetch, so a look puts the object back: then the response tells by its Date and
ETag whether it is the copy of before. Its age in the cache does not matter, only which response of the origin it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgeward.caches import CacheDriver, Purged
from edgeward.caches.purge_method import NOT_CACHED
from edgeward.caches.raw_http import RawHttpClient
from edgeward.doctor.finding import Finding, fail, ok, skipped, warn
from edgeward.doctor.harmless_object import with_own_query
from edgeward.purging.other_key_forms import FIX
from edgeward.types import Delivery, Target

type Headers = tuple[tuple[str, str], ...]

ACCEPT = "image/avif,image/webp,*/*"
VARIANTS: Sequence[Headers] = (
    (("Accept", ACCEPT),),
    (("Accept", "image/png"),),
    (("Accept", ACCEPT), ("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148")),
    (("Accept", ACCEPT), ("Cookie", "edgeward=doctor")),
    (("Accept", ACCEPT), ("X-Forwarded-Proto", "https")),
    (("Accept", ACCEPT), ("Origin", "https://edgeward.invalid")),
    (("Accept", ACCEPT), ("Accept-Language", "de")),
    (("Accept", ACCEPT), ("Range", "bytes=0-99")),
)
"""Requests of clients that a cache may store separate copies for. The first is the one that is purged."""
ONLY_IF_CACHED = ("Cache-Control", "only-if-cached")
OWN_OBJECTS = "/.well-known/edgeward/doctor/"
"""Below this path Edgeward serves objects of its own (placement fill)."""
NOT_MET = "it was not stored, or its cache key is not that of purges"
STILL_CACHED = "still cached"
"""In the detail of each finding that tells of a copy which the purge did not reach."""
NEXT_SECOND = 1.1
"""Seconds until a new response of the origin has another Date."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A response to a look.

    `date`: "" if it has none, or the cache sets its own. `is_hit`: True if the cache says that it came from its storage
    (Varnish: two numbers in X-Varnish); None if it does not say.
    """

    status: int
    etag: str
    date: str
    vary: str
    is_hit: bool | None

    def is_same(self, other: "Copy", is_unique: bool) -> bool | None:
        """Whether both are one response of the origin; None if that can't be known.

        `is_unique`: each response has another ETag, as those of Edgeward's own object have.
        """
        if self.etag != other.etag or (is_unique and self.etag):
            return self.etag == other.etag
        return self.date == other.date if self.date and other.date else None


class CachedObjectCheck:
    """The check of one cache.

    Args:
        client: asks the cache as clients do.
        purge: sends one purge to the cache.
        fix: how to set this kind of cache up.
    """

    def __init__(
        self,
        name: str,
        driver: CacheDriver,
        client: RawHttpClient,
        purge: Callable[[Target], Awaitable[Purged]],
        fix: str,
    ) -> None:
        self._name, self._driver, self._client = name, driver, client
        self._purge, self._fix = purge, fix
        self._can_look = self._is_unique = False
        self.headers_in_key: list[str] = []
        """After `run`: request headers under which copies were left, though no Vary names them."""
        # nginx replaces the Date of what it serves.
        self._keeps_date = driver.name not in ("nginx", "nginx-plus")

    async def run(self, target: Target) -> list[Finding]:
        """Raises CacheUnavailable if the cache does not answer as clients ask."""
        self._is_unique = target.path.startswith(OWN_OBJECTS)
        self._can_look = await self._looks_without_fetching(target)
        copies = {headers: await self._get(target, headers) for headers in VARIANTS}
        await asyncio.sleep(NEXT_SECOND)
        stored = await self._is_stored(target, copies[VARIANTS[0]])
        purged = await self._purge(replace(target, vary=VARIANTS[0]))
        if purged.delivery not in (Delivery.VERIFIED, Delivery.DELIVERED):
            return [fail(self._name, "object", f"its purge is not carried out: {purged.detail}", self._fix)]
        # A count decides only where looking is impossible: Varnish counts its hit-for-miss marker too.
        if stored is False or (stored is None and not purged.count):
            return [self._not_stored(copies[VARIANTS[0]], stored, purged)]
        left = {headers: found for headers in VARIANTS if (found := await self._left(target, headers, copies[headers]))}
        if not self._can_look:
            await self._purge(replace(target, vary=VARIANTS[0]))  # looking has put it back
        findings = [self._object_finding(purged, left.get(VARIANTS[0]), stored), self._variants_finding(left)]
        return [finding for finding in (*findings, self._keys_finding(left, copies)) if finding]

    async def _looks_without_fetching(self, target: Target) -> bool:
        """Whether the cache answers 504 for an object that was just invented: any other answer is one of the origin."""
        return (await self._get(with_own_query(target), VARIANTS[0], ONLY_IF_CACHED)).status == NOT_CACHED

    async def _get(self, target: Target, headers: Headers, *more: tuple[str, str]) -> Copy:
        response = await self._client.ask("GET", target.host, target.path, (*headers, *more))
        found = response.headers
        numbers = found.get("x-varnish", "").split()
        return Copy(
            status=response.status,
            etag=found.get("etag", ""),
            date=found.get("date", "") if self._keeps_date else "",
            vary=found.get("vary", "").lower(),
            is_hit=len(numbers) > 1 if numbers else None,
        )

    async def _look(self, target: Target, headers: Headers) -> Copy:
        return await self._get(target, headers, *((ONLY_IF_CACHED,) if self._can_look else ()))

    async def _is_stored(self, target: Target, first: Copy) -> bool | None:
        """Whether the cache answers with the stored response. None: it can't be known."""
        again = await self._look(target, VARIANTS[0])
        if self._can_look and again.status == NOT_CACHED:
            return False
        same = again.is_same(first, self._is_unique)
        # A cache that passes requests on (hit-for-pass) answers only-if-cached with a new response.
        return True if same is None and self._can_look else same

    async def _left(self, target: Target, headers: Headers, before: Copy) -> Copy | None:
        """The copy that is left after the purge."""
        now = await self._look(target, headers)
        if self._can_look and now.status == NOT_CACHED:
            return None
        same = now.is_same(before, self._is_unique)
        return now if same or (same is None and self._can_look) else None

    def _not_stored(self, first: Copy, stored: bool | None, purged: Purged) -> Finding:
        fix = "give the URL of an image that this cache stores (edgeward doctor --url URL), or correct `serves`"
        if stored is False or first.status != 200:
            detail = "it did not store the object" + ("" if first.status == 200 else f" (status {first.status})")
            return skipped(self._name, "object", detail, fix)
        # Only that nothing was met is known: a purge under another key than that of fetches meets nothing, ever.
        met = "removed nothing" if purged.count == 0 else "does not tell whether it removed anything"
        detail = f"the purge of an object {met}: {NOT_MET}"
        key = "include edgeward-location.conf in each cached location" if self._driver.name == "nginx" else self._fix
        return warn(self._name, "object", detail, "; or ".join(filter(None, (key, fix))))

    def _object_finding(self, purged: Purged, left: Copy | None, stored: bool | None) -> Finding:
        if left and (self._can_look or left.is_hit):
            fix = "purges and fetches use different cache keys: rewrite URL and Host before purges are handled"
            return fail(self._name, "object", f"an object is {STILL_CACHED} after its purge", fix)
        if left:
            detail = "after the purge the same response came again, from this cache or from one behind it: whether the "
            detail += "purge worked cannot be verified here"
            return warn(self._name, "object", detail, self._fix)
        if purged.delivery is Delivery.VERIFIED:
            return ok(self._name, "object", "an object was stored, purged, and verified gone")
        seen = "an object was purged, and fetched anew afterwards" if stored else "an object was purged"
        detail = f"{seen}; but single purges can't be verified here: {purged.detail}"
        return warn(self._name, "object", detail, self._fix)

    def _variants_finding(self, left: Mapping[Headers, Copy]) -> Finding | None:
        if VARIANTS[1] not in left:
            if not self._can_look:
                return None
            return ok(self._name, "vary", "one purge removes all variants, or the object has only one")
        if not self._driver.abilities.all_variants:
            return ok(self._name, "vary", "each variant is purged by its own order, as this kind of cache requires")
        return self._lingers(
            "vary", f"another variant of the purged object (by Accept) is {STILL_CACHED}", left[VARIANTS[1]]
        )

    def _keys_finding(self, left: Mapping[Headers, Copy], copies: Mapping[Headers, Copy]) -> Finding | None:
        """Copies under keys with more in them than URL and Vary. There is no finding if there are none."""
        if VARIANTS[0] in left:
            return None
        names = [
            headers[1][0]
            for headers in VARIANTS[2:]
            if headers in left
            and (self._driver.abilities.all_variants or headers[1][0].lower() not in copies[headers].vary)
        ]
        if not names:
            return None
        self.headers_in_key = names
        detail = f"a copy for clients with another {' or '.join(names)} is {STILL_CACHED} after the purge"
        return self._lingers("keys", detail, left[next(h for h in VARIANTS[2:] if h in left and h[1][0] == names[0])])

    def _lingers(self, check: str, detail: str, copy: Copy) -> Finding:
        if not self._can_look and copy.is_hit is False:
            return warn(self._name, check, f"{detail}, or a cache behind it has one", self._fix)
        fix = FIX if check == "keys" else self._fix
        return fail(self._name, check, detail, fix or "purge every variant")
