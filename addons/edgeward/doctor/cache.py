"""Checks one cache: it takes purges, an object put into it is gone after a purge, and outsiders can't purge."""

import secrets
import time
from dataclasses import replace

from edgeward.caches import CacheDriver, Purged, driver_for
from edgeward.caches.raw_http import RawHttpClient, TargetError
from edgeward.doctor.finding import Finding, fail, ok, skipped, warn
from edgeward.errors import CacheUnavailable
from edgeward.settings.cache_settings import CacheSettings, SelfHostedCache
from edgeward.types import Cause, Delivery, PurgeOrder, Target

REFUSALS = (400, 401, 403, 405, 501)
"""Statuses that refuse a purge by an outsider."""
VARIANTS = ("image/avif,image/webp,*/*", "image/png")
"""Accept headers of two clients: with Vary: Accept the cache stores two variants of one object."""
ONLY_IF_CACHED = ("Cache-Control", "only-if-cached")
"""Asks for a stored copy, without a fetch (RFC 9111, section 5.2.1.7)."""
NEVER_STORED = "/.well-known/edgeward/doctor/never-stored"
FIXES = {
    "varnish": "include deploy/varnish/edgeward.vcl, with this machine in the acl edgeward_purgers and the same secret "
    '(docs/deployment.md, "An existing Varnish")',
    "nginx": "include deploy/nginx/edgeward-cache.conf, point `url` at its purge listener, and use the same secret "
    '(docs/deployment.md, "nginx as the cache")',
    "squid": "copy the acl lines of deploy/squid/squid.conf, with this machine and the same secret "
    '(docs/deployment.md, "Squid as the cache")',
    "trafficserver": "copy deploy/trafficserver/ip_allow.yaml, with this machine in it "
    '(docs/deployment.md, "Traffic Server as the cache")',
}
"""How to let Edgeward purge a cache, and no one else, by its driver."""


async def check_cache(cache: CacheSettings, target: Target | None) -> list[Finding]:
    """Check one cache.

    Args:
        target: a harmless object that the cache may store; None skips the checks that need one.
    """
    driver = driver_for(cache)
    try:
        return await _CacheCheck(cache, driver, target).run()
    finally:
        await driver.close()


class _CacheCheck:
    def __init__(self, cache: CacheSettings, driver: CacheDriver, target: Target | None) -> None:
        self._cache, self._driver, self._target = cache, driver, target
        self._name = cache.name
        self._fix = FIXES.get(cache.driver, "")

    async def run(self) -> list[Finding]:
        purge = await self._check_purge()
        # Only of a self-hosted cache the address for clients and the secret are known.
        if purge.health != "ok" or not isinstance(self._cache, SelfHostedCache):
            return [purge]
        return [purge, await self._check_outsider(self._cache), *await self._check_object(self._cache)]

    async def _purge(self, target: Target) -> Purged:
        order = PurgeOrder(target, Cause.MANUAL, time.time(), id=f"{time.time_ns()}-0")
        (purged,) = await self._driver.purge([order])
        return purged

    async def _check_purge(self) -> Finding:
        """Purge an object that was never stored: the cache must take the purge."""
        target = self._target or Target("https", "edgeward.invalid", "/nothing")
        purged = await self._purge(replace(target, path=NEVER_STORED, vary=()))
        if purged.delivery is Delivery.WAITING:
            fix = f"check that it runs, and that this machine can reach it at {self._cache.url}"
            return fail(self._name, "purge", f"it does not carry out purges: {purged.detail}", fix)
        if purged.delivery is Delivery.REFUSED:
            fix = self._fix or "check its token, its zone or service, and the token's permissions"
            return fail(self._name, "purge", f"it refuses purges: {purged.detail}", fix)
        return ok(self._name, "purge", f"it accepts purges ({self._cache.driver})")

    async def _check_outsider(self, cache: SelfHostedCache) -> Finding:
        """Send a purge without the secret: the cache must refuse it."""
        if not cache.secret:
            return warn(
                self._name,
                "outsider",
                "no secret is set: anyone who can send from an address that the cache trusts can purge it",
                ": ".join(filter(None, ("set `secret` here and in the cache", self._fix))),
            )
        target = self._target or Target("http", "edgeward.invalid", NEVER_STORED)
        client = RawHttpClient(cache.url, cache.timeout_ms / 1000)
        try:
            method = "GET" if cache.driver == "nginx" else "PURGE"
            answer = await client.ask(method, target.host, target.path)
        except (CacheUnavailable, TargetError) as error:
            return ok(self._name, "outsider", f"a purge without the secret got no answer ({error})")
        finally:
            client.close()
        if answer.status in REFUSALS:
            return ok(self._name, "outsider", f"a purge without the secret is refused ({answer.status})")
        detail = f"a purge without the secret is answered with {answer.status}"
        return fail(self._name, "outsider", detail, self._fix or "let the cache check the secret")

    async def _check_object(self, cache: SelfHostedCache) -> list[Finding]:
        if self._target is None:
            detail, fix = "there is no harmless object to test with", "give one: edgeward doctor --url URL"
            return [skipped(self._name, "object", detail, fix)]
        address = cache.serves or cache.url
        client = RawHttpClient(address, cache.timeout_ms / 1000)
        try:
            return await self._store_and_purge(client, self._target)
        except CacheUnavailable as error:
            fix = f"set `serves` of this cache to the address where it serves clients (tried: {address})"
            return [fail(self._name, "object", f"it does not serve the object: {error}", fix)]
        finally:
            client.close()

    async def _store_and_purge(self, client: RawHttpClient, target: Target) -> list[Finding]:
        """Put two variants of the object into the cache, purge one, and look whether either is left."""
        for accept in VARIANTS:
            await _status(client, target, accept)
        # Some caches ignore only-if-cached and fetch. Then an object just invented seems stored, and looking proves
        # nothing.
        separator = "&" if "?" in target.path else "?"
        invented = replace(target, path=f"{target.path}{separator}{secrets.token_hex(8)}")
        can_look = not await _is_stored(client, invented, VARIANTS[0])
        stored = can_look and await _is_stored(client, target, VARIANTS[0])
        purged = await self._purge(replace(target, vary=(("accept", VARIANTS[0]),)))
        # A count decides only where looking is impossible: Varnish counts its hit-for-miss marker too.
        if not stored and (can_look or not purged.count):
            fix = "give the URL of an image that this cache stores (edgeward doctor --url URL), or set `serves`"
            return [skipped(self._name, "object", "it did not store the object", fix)]
        if not can_look:
            return [self._object_finding(purged, [])]
        left = [accept for accept in VARIANTS if await _is_stored(client, target, accept)]
        return [self._object_finding(purged, left), self._variants_finding(left)]

    def _object_finding(self, purged: Purged, left: list[str]) -> Finding:
        if VARIANTS[0] in left:
            fix = "purges and fetches use different cache keys: rewrite URL and Host before purges are handled"
            return fail(self._name, "object", "an object is still cached after its purge", fix)
        if purged.delivery is Delivery.VERIFIED:
            return ok(self._name, "object", "an object was stored, purged, and verified gone")
        detail = f"an object was purged, but that can't be verified: {purged.detail}"
        return warn(self._name, "object", detail, self._fix)

    def _variants_finding(self, left: list[str]) -> Finding:
        if VARIANTS[1] not in left:
            return ok(self._name, "vary", "one purge removes all variants, or the object has only one")
        if not self._driver.abilities.all_variants:
            return ok(self._name, "vary", "each variant is purged by its own order, as this kind of cache requires")
        return fail(self._name, "vary", "another variant of the purged object (by Accept) is still cached", self._fix)


async def _status(client: RawHttpClient, target: Target, accept: str, *headers: tuple[str, str]) -> int:
    answer = await client.ask("GET", target.host, target.path, (("Accept", accept), *headers))
    return answer.status


async def _is_stored(client: RawHttpClient, target: Target, accept: str) -> bool:
    return await _status(client, target, accept, ONLY_IF_CACHED) == 200
