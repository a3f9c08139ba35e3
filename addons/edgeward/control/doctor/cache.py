"""Tries one cache: an object goes in, is purged, and is gone; an outsider can't do the same."""

import secrets
import time
from dataclasses import replace

from edgeward.cache_settings import CacheSettings, LocalCache
from edgeward.control.doctor.finding import Finding, fail, ok, skipped, warn
from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches import CacheDriver, Purged, driver_for
from edgeward.takedown.caches.wire import TargetError, Wire
from edgeward.types import Cause, Delivery, PurgeOrder, Target

REFUSALS = (400, 401, 403, 405, 501)
"""What an outsider's purge is answered with where the door is shut."""
VARIANTS = ("image/avif,image/webp,*/*", "image/png")
"""Two clients, by the header Accept: their copies may be variants of one object."""
ONLY_IF_CACHED = ("Cache-Control", "only-if-cached")
"""RFC 9111, 5.2.1.7: asks for a copy without making one."""
DOORS = {
    "varnish": "include deploy/varnish/edgeward.vcl, with this machine in the acl edgeward_purgers and the same secret",
    "nginx": "include deploy/nginx/edgeward-cache.conf, point `url` at its purge listener, and use the same secret",
    "squid": "take the acl lines of deploy/squid/squid.conf over, with this machine and the same secret",
    "trafficserver": "take deploy/trafficserver/ip_allow.yaml over, with this machine in it",
}


class CacheExam:
    """The examination of one cache.

    Args:
        target: a harmless object that the cache may store, or None where there is none to try with.
    """

    def __init__(self, cache: CacheSettings, target: Target | None) -> None:
        self._cache, self._target = cache, target
        self._driver: CacheDriver = driver_for(cache)

    async def run(self) -> list[Finding]:
        try:
            findings = [await self._takes_purges()]
            if isinstance(self._cache, LocalCache) and findings[0].health == "ok":
                findings += await self._local(self._cache)
            return findings
        finally:
            await self._driver.close()

    async def _purge(self, target: Target) -> Purged:
        order = PurgeOrder(target, Cause.MANUAL, time.time(), id=f"{time.time_ns()}-0")
        (purged,) = await self._driver.purge([order])
        return purged

    async def _takes_purges(self) -> Finding:
        target = self._target or Target("https", "edgeward.invalid", "/nothing")
        never = replace(target, path="/.well-known/edgeward/doctor/never-stored", vary=())
        purged = await self._purge(never)
        name, driver = self._cache.name, self._cache.driver
        if purged.delivery is Delivery.WAITING:
            mend = f"see that it runs and can be reached from here at {self._cache.url}"
            return fail(name, "purge", f"it does not answer purges: {purged.detail}", mend)
        if purged.delivery is Delivery.REFUSED:
            mend = DOORS.get(driver, "check its token, its zone or service, and what the token may do")
            return fail(name, "purge", f"it refuses purges: {purged.detail}", mend)
        return ok(name, "purge", f"it takes purges ({driver})")

    async def _local(self, cache: LocalCache) -> list[Finding]:
        outsider = await self._outsider(cache)
        if self._target is None:
            why = "there is no harmless object to try with"
            return [outsider, skipped(cache.name, "object", why, "give one: edgeward doctor --url URL")]
        wire = Wire(cache.serves or cache.url, cache.timeout_ms / 1000)
        try:
            return [outsider, *await self._object(wire, self._target)]
        except CacheUnavailable as error:
            mend = f"set `serves` of this cache to where it serves clients (tried: {cache.serves or cache.url})"
            return [outsider, fail(cache.name, "object", f"it serves nothing: {error}", mend)]
        finally:
            wire.close()

    async def _object(self, wire: Wire, target: Target) -> list[Finding]:
        """Put the object in, purge it, look for it; then whether one purge took its variants too."""
        name = self._cache.name
        for accept in VARIANTS:
            await self._ask(wire, target, accept)
        # A cache that does not know the question passes it on to the origin, which has the object.
        never = replace(target, path=f"{target.path}{'&' if '?' in target.path else '?'}{secrets.token_hex(8)}")
        can_look = not await self._holds(wire, never, VARIANTS[0])
        stored = can_look and await self._holds(wire, target, VARIANTS[0])
        purged = await self._purge(replace(target, vary=(("accept", VARIANTS[0]),)))
        # A count alone may be of a marker that this is not to be stored (Varnish's hit-for-miss).
        if not stored and (can_look or not purged.count):
            mend = "give the URL of an image that this cache stores (edgeward doctor --url URL), or set `serves`"
            return [skipped(name, "object", "it did not store the object that it was tried with", mend)]
        if not can_look:
            return [self._gone(purged, [])]
        left = [accept for accept in VARIANTS if await self._holds(wire, target, accept)]
        return [self._gone(purged, left), self._variants(left)]

    def _gone(self, purged: Purged, left: list[str]) -> Finding:
        name = self._cache.name
        if VARIANTS[0] in left:
            mend = "the purge names another object than the fetch: rewrite URL and Host before the purge is looked at"
            return fail(name, "object", "an object that was purged is still there", mend)
        if purged.delivery is Delivery.VERIFIED:
            return ok(name, "object", "an object went in, was purged, and is verified gone")
        mend = DOORS.get(self._cache.driver, "")
        return warn(name, "object", f"purged, but it can't be verified: {purged.detail}", mend)

    def _variants(self, left: list[str]) -> Finding:
        name = self._cache.name
        if VARIANTS[1] not in left:
            return ok(name, "vary", "one purge takes every variant, or there is but one")
        if not self._driver.abilities.all_variants:
            return ok(name, "vary", "each variant is purged by an order of its own, as this kind of cache needs it")
        mend = DOORS.get(self._cache.driver, "")
        return fail(name, "vary", "a variant of the purged object (by Accept) is still there", mend)

    async def _ask(self, wire: Wire, target: Target, accept: str, *headers: tuple[str, str]) -> int:
        answer = await wire.ask("GET", target.host, target.path, (("Accept", accept), *headers))
        return answer.status

    async def _holds(self, wire: Wire, target: Target, accept: str) -> bool:
        return await self._ask(wire, target, accept, ONLY_IF_CACHED) == 200

    async def _outsider(self, cache: LocalCache) -> Finding:
        """Purge without the secret."""
        target = self._target or Target("http", "edgeward.invalid", "/.well-known/edgeward/doctor/never-stored")
        if not cache.secret:
            return warn(
                cache.name,
                "outsider",
                "no secret is set: whoever reaches it from an address that it trusts can purge it",
                "set `secret` here and in the cache (deploy/ shows where)",
            )
        wire = Wire(cache.url, cache.timeout_ms / 1000)
        try:
            method = "GET" if cache.driver == "nginx" else "PURGE"
            answer = await wire.ask(method, target.host, target.path)
        except (CacheUnavailable, TargetError) as error:
            return ok(cache.name, "outsider", f"a purge without the secret got no answer ({error})")
        finally:
            wire.close()
        if answer.status in REFUSALS:
            return ok(cache.name, "outsider", f"a purge without the secret is refused ({answer.status})")
        return fail(
            cache.name,
            "outsider",
            f"a purge without the secret is answered {answer.status}",
            DOORS.get(cache.driver, "let the cache check the secret"),
        )
