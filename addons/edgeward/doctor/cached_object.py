"""Puts a harmless object into a cache, purges it, and looks whether a copy is left.

There are three ways to look. A cache that answers `only-if-cached` with 504 when it has nothing (RFC 9111, section
5.2.1.7) is asked without a fetch. Others fetch, so a look puts the object back: then the response tells by its Date and
ETag whether it is the copy of before. Its age in the cache does not matter, only which response of the origin it is.
nginx sets its own Date: there objects of their own are stored, and X-Cache tells (hit_looks.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from edgeward.caches import CacheDriver, Purged
from edgeward.caches.key_fixes import QUERY, fix_for
from edgeward.caches.purge_method import NOT_CACHED
from edgeward.caches.raw_http import RawHttpClient
from edgeward.doctor.finding import Finding, fail, ok, skipped, warn
from edgeward.doctor.harmless_object import with_own_query, with_unsorted_query
from edgeward.doctor.hit_looks import Copy, HitLooks
from edgeward.doctor.key_variants import BY_ACCEPT, BY_HEADER, PURGED, VARIANTS, Headers, header_of
from edgeward.types import Delivery, Target

ONLY_IF_CACHED = ("Cache-Control", "only-if-cached")
OWN_OBJECTS = "/.well-known/edgeward/doctor/"
"""Below this path Edgeward serves objects of its own (placement fill)."""
NOT_MET = "it was not stored, or its cache key is not that of purges"
STILL_CACHED = "still cached"
"""In the detail of each finding that tells of a copy which the purge did not reach."""
NOT_STORED = "it did not store the object"
NOT_TOLD = "whether copies are left under other keys can't be seen"
"""In the detail of the finding, where an object was purged and no more is known."""
NGINX_LOCATION = "include edgeward-location.conf in each cached location"
NEXT_SECOND = 1.1
"""Seconds until a new response of the origin has another Date."""
NO_DATE = ("nginx", "nginx-plus")
"""The drivers of caches that replace the Date of what they serve."""


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
        self._keeps_date = driver.name not in NO_DATE
        self._hits = HitLooks(self._get, purge)

    async def run(self, target: Target) -> list[Finding]:
        """Raises CacheUnavailable if the cache does not answer as clients ask."""
        self._is_unique = target.path.startswith(OWN_OBJECTS)
        self._can_look = await self._looks_without_fetching(target)
        by_hits = not (self._can_look or self._keeps_date or self._is_unique)
        queried = with_unsorted_query(target)
        copies = {headers: await self._get(target, headers) for headers in VARIANTS}
        of_query = await self._get(queried, PURGED)
        await asyncio.sleep(NEXT_SECOND)
        stored = await self._is_stored(target, copies[PURGED])
        # First: the purge of the object may remove this copy too, where both have one key.
        left_query = None if by_hits else await self._left_query(queried, of_query)
        purged = await self._purge(replace(target, vary=PURGED))
        if purged.delivery not in (Delivery.VERIFIED, Delivery.DELIVERED):
            return [fail(self._name, "object", f"its purge is not carried out: {purged.detail}", self._fix)]
        left = await self._hits.left(target) if by_hits else {}
        # A count decides only where looking is impossible: Varnish counts its hit-for-miss marker too.
        if PURGED not in left and (stored is False or (stored is None and not purged.count)):
            return [self._not_stored(copies[PURGED], stored, purged)]
        if not by_hits:
            left = {headers: found for headers in VARIANTS if (found := await self._left(target, headers, copies))}
            if not self._can_look:
                await self._purge(replace(target, vary=PURGED))  # looking has put it back
        if PURGED in left and not _by_accept(left):
            return [self._object_finding(purged, left[PURGED], stored, await self._splitting(target, copies))]
        if by_hits:
            left_query = await self._hits.left_of(with_unsorted_query(target), PURGED)
        self.headers_in_key = [] if PURGED in left else self._parts_of_key(left, copies)
        findings = [
            None if PURGED in left else self._object_finding(purged, None, stored),
            self._variants_finding(left, copies, by_hits),
            None if PURGED in left else self._keys_finding(left, left_query),
        ]
        if any("accept" not in copies[headers].vary for headers in BY_ACCEPT if headers in left):
            self.headers_in_key.append("Accept")
        return [finding for finding in findings if finding]

    async def _looks_without_fetching(self, target: Target) -> bool:
        """Whether the cache answers 504 for an object that was just invented: any other answer is one of the origin."""
        return (await self._get(with_own_query(target), PURGED, ONLY_IF_CACHED)).status == NOT_CACHED

    async def _get(self, target: Target, headers: Headers, *more: tuple[str, str]) -> Copy:
        response = await self._client.ask("GET", target.host, target.path, (*headers, *more))
        return Copy.of(response, self._keeps_date)

    async def _look(self, target: Target, headers: Headers) -> Copy:
        return await self._get(target, headers, *((ONLY_IF_CACHED,) if self._can_look else ()))

    async def _is_stored(self, target: Target, first: Copy) -> bool | None:
        """Whether the cache answers with the stored response. None: it can't be known."""
        again = await self._look(target, PURGED)
        if self._can_look and again.status == NOT_CACHED:
            return False
        same = again.is_same(first, self._is_unique)
        # A cache that passes requests on (hit-for-pass) answers only-if-cached with a new response.
        return True if same is None and self._can_look else same

    async def _left(self, target: Target, headers: Headers, before: Mapping[Headers, Copy]) -> Copy | None:
        """The copy that is left after the purge."""
        now = await self._look(target, headers)
        if self._can_look and now.status == NOT_CACHED:
            return None
        same = now.is_same(before[headers], self._is_unique)
        return now if same or (same is None and self._can_look) else None

    async def _left_query(self, queried: Target, before: Copy) -> Copy | None:
        """The copy of the object under a query that is left after the purge of that target."""
        if not await self._is_stored(queried, before):
            return None
        purged = await self._purge(replace(queried, vary=PURGED))
        carried_out = purged.delivery in (Delivery.VERIFIED, Delivery.DELIVERED)
        return await self._left(queried, PURGED, {PURGED: before}) if carried_out else None

    async def _splitting(self, target: Target, copies: Mapping[Headers, Copy]) -> list[str]:
        """Headers for which the cache has another copy, though no Vary names them: they are a part of its key."""
        found = []
        for headers in BY_HEADER:
            name, other = header_of(headers), with_own_query(target)
            if name.lower() in copies[headers].vary:
                continue
            if self._can_look:
                await self._get(other, PURGED)
                is_other = (await self._look(other, headers)).status == NOT_CACHED
                is_stored = (await self._look(other, PURGED)).status != NOT_CACHED
                if is_other and is_stored:
                    found.append(name)
            elif await self._hits.are_apart(other, PURGED, headers):
                found.append(name)
        return found

    def _not_stored(self, first: Copy, stored: bool | None, purged: Purged) -> Finding:
        fix = "give the URL of an image that this cache stores (edgeward doctor --url URL), or correct `serves`"
        if stored is False or first.status != 200:
            detail = NOT_STORED + ("" if first.status == 200 else f" (status {first.status})")
            return skipped(self._name, "object", detail, fix)
        # Only that nothing was met is known: a purge under another key than that of fetches meets nothing, ever.
        met = "removed nothing" if purged.count == 0 else "does not tell whether it removed anything"
        detail = f"the purge of an object {met}: {NOT_MET}"
        key = NGINX_LOCATION if self._driver.name == "nginx" else self._fix
        return warn(self._name, "object", detail, "; or ".join(filter(None, (key, fix))))

    @property
    def _one_key(self) -> str:
        """How to have purges and fetches use one key, where no header tells them apart."""
        if self._driver.name == "nginx":
            return NGINX_LOCATION
        return "rewrite URL and Host before purges are handled, and set there all else that the key has"

    def _object_finding(
        self, purged: Purged, left: Copy | None, stored: bool | None, splitting: Sequence[str] = ()
    ) -> Finding:
        """`splitting`: headers that are a part of the key."""
        if left and (self._can_look or left.is_hit):
            detail = f"an object is {STILL_CACHED} after its purge"
            if splitting:
                detail += f": its key has {' and '.join(splitting)} in it"
                return fail(self._name, "object", detail, fix_for(self._driver.name, splitting))
            return fail(self._name, "object", detail, f"purges and fetches use different cache keys: {self._one_key}")
        if left:
            detail = "after the purge the same response came again, from this cache or from one behind it: whether the "
            detail += "purge worked cannot be verified here"
            return warn(self._name, "object", detail, self._fix)
        if purged.delivery is Delivery.VERIFIED:
            return ok(self._name, "object", "an object was stored, purged, and verified gone")
        seen = "an object was purged, and fetched anew afterwards" if stored else "an object was purged"
        detail = f"{seen}; but single purges can't be verified here: {purged.detail}"
        return warn(self._name, "object", detail, self._fix)

    def _variants_finding(
        self, left: Mapping[Headers, Copy], copies: Mapping[Headers, Copy], by_hits: bool
    ) -> Finding | None:
        found = [headers for headers in BY_ACCEPT if headers in left]
        if not found:
            if by_hits and not self._hits.told:
                detail = f"{NOT_TOLD}: responses have no X-Cache, or the object is not stored under another query"
                fix = "let it send X-Cache, as edgeward-location.conf does, and give the URL of an image"
                return skipped(self._name, "vary", detail, f"{fix}: edgeward doctor --url URL")
            done = "one purge removes all variants, or the object has only one"
            return ok(self._name, "vary", done) if self._can_look or by_hits else None
        if not self._driver.abilities.all_variants and all("accept" in copies[headers].vary for headers in found):
            return ok(self._name, "vary", "each variant is purged by its own order, as this kind of cache requires")
        accepted = " or ".join(dict(headers)["Accept"] for headers in found)
        detail = f"another variant of the purged object (by Accept: {accepted}) is {STILL_CACHED}"
        return self._lingers("vary", detail, left[found[0]], fix_for(self._driver.name, ["accept"]))

    def _parts_of_key(self, left: Mapping[Headers, Copy], copies: Mapping[Headers, Copy]) -> list[str]:
        """Headers under which copies were left: parts of the key beyond URL, Accept and Vary."""
        return [
            header_of(headers)
            for headers in BY_HEADER
            if headers in left
            and (self._driver.abilities.all_variants or header_of(headers).lower() not in copies[headers].vary)
        ]

    def _keys_finding(self, left: Mapping[Headers, Copy], left_query: Copy | None) -> Finding | None:
        """Copies under keys with more in them than URL and Vary. There is no finding if there are none."""
        names = self.headers_in_key
        what = [f"for clients with another {' or '.join(names)}"] if names else []
        what += ["under a query"] if left_query else []
        copies = [left[headers] for headers in BY_HEADER if headers in left and header_of(headers) in names]
        copies += [left_query] if left_query else []
        if not copies:
            return None
        detail = f"a copy {' and one '.join(what)} is {STILL_CACHED} after the purge"
        fix = fix_for(self._driver.name, [*names, *([QUERY] if left_query else [])])
        return self._lingers("keys", detail, copies[0], fix)

    def _lingers(self, check: str, detail: str, copy: Copy, fix: str) -> Finding:
        if not self._can_look and copy.is_hit is False:
            return warn(self._name, check, f"{detail}, or a cache behind it has one", self._fix)
        return fail(self._name, check, detail, fix)


def _by_accept(left: Mapping[Headers, Copy]) -> bool:
    """Whether the purge removed the copies for some clients by Accept, and not those for others."""
    return any(headers in left for headers in BY_ACCEPT) and any(headers not in left for headers in BY_ACCEPT)
