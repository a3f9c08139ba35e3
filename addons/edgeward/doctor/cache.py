"""Checks one cache: it takes purges, an object put into it is gone after a purge, and outsiders can't purge."""

import asyncio
import time
from dataclasses import replace

from edgeward.caches import CacheDriver, Purged, driver_for
from edgeward.caches.raw_http import RawHttpClient, TargetError
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.response_signs import is_like
from edgeward.caches.self_hosted_driver import answered_by
from edgeward.doctor import access_fixes, address_fixes
from edgeward.doctor.cached_object import OWN_OBJECTS, CachedObjectCheck
from edgeward.doctor.finding import Finding, Health, fail, ok, skipped, warn
from edgeward.doctor.other_cache import other_cache_at, wrong_driver
from edgeward.doctor.reachability import Reached, Step, reach
from edgeward.errors import CacheUnavailable
from edgeward.settings.cache_settings import CacheSettings, SelfHostedCache
from edgeward.settings.config import Config
from edgeward.settings.secret_types import hide_secrets
from edgeward.types import Cause, Delivery, PurgeOrder, Target

REFUSALS = (400, 401, 403, 405, 501)
"""Statuses that refuse a purge by an outsider."""
INVENTED_HOST = "edgeward.invalid"
VARNISH_WITHOUT_VCL = "its VCL does not handle PURGE: it does not include deploy/varnish/edgeward.vcl"
_VARNISH_REFUSALS = {
    403: "the acl edgeward_purgers lacks this machine's address, or EDGEWARD_PURGE_SECRET of varnishd differs",
    405: "its VCL refuses PURGE: deploy/varnish/edgeward.vcl is not included, or is below what refuses methods",
}
"""What a status of Varnish means."""
NEVER_STORED = OWN_OBJECTS + "never-stored"


async def check_cache(cache: CacheSettings, target: Target | None, upstream: str | None = None) -> list[Finding]:
    """Check one cache.

    Args:
        target: a harmless object that the cache may store; None skips the checks that need one.
        upstream: where this cache serves clients, if its settings do not say.
    """
    driver = driver_for(cache)
    try:
        return await _CacheCheck(cache, driver, target, upstream).run()
    finally:
        await driver.close()


async def check_cached_object(
    cache: SelfHostedCache, target: Target, upstream: str | None = None
) -> tuple[list[Finding], tuple[str, ...]]:
    """Check with this object only whether a purge removes it under every key. Arguments as of `check_cache`.

    Returns:
        The findings, and the request headers (lower case) that the cache's key has in it beyond Vary.
    """
    driver = driver_for(cache)
    try:
        check = _CacheCheck(cache, driver, target, upstream)
        return await check.check_object(cache), tuple(each.lower() for each in check.headers_in_key)
    finally:
        await driver.close()


def cache_upstream(config: Config) -> str | None:
    """Where the cache serves clients by the settings of the proxy: its upstream, in placement front with one cache."""
    return config.proxy.upstream if config.proxy.placement == "front" and len(config.caches) == 1 else None


class _CacheCheck:
    def __init__(self, cache: CacheSettings, driver: CacheDriver, target: Target | None, upstream: str | None) -> None:
        self._cache, self._driver, self._target, self._upstream = cache, driver, target, upstream
        self._name = cache.name
        self._fix = access_fixes.fix_of(type(driver))
        self.headers_in_key: list[str] = []

    async def run(self) -> list[Finding]:
        if isinstance(self._cache, SelfHostedCache):
            host = self._target.host if self._target else INVENTED_HOST
            found = other_cache_at(self._cache, host, NEVER_STORED)
            purge, other = await asyncio.gather(self._check_purge(), found)
            if other is not None:
                return [wrong_driver(self._cache, other)]
        else:
            purge = await self._check_purge()
        # Only of a self-hosted cache the address for clients and the secret are known.
        if purge.health not in (Health.OK, Health.WARN) or not isinstance(self._cache, SelfHostedCache):
            return [purge]
        return [purge, await self._check_outsider(self._cache), *await self.check_object(self._cache)]

    async def _purge(self, target: Target) -> Purged:
        order = PurgeOrder(target, Cause.MANUAL, time.time(), id=f"{time.time_ns()}-0")
        (purged,) = await self._driver.purge([order])
        return purged

    async def _check_purge(self) -> Finding:
        """Purge an object that was never stored: the cache must take the purge."""
        target = self._target or Target("https", INVENTED_HOST, "/nothing")
        purged = await self._purge(replace(target, path=NEVER_STORED, vary=()))
        if purged.delivery is Delivery.WAITING:
            return await self._not_carried_out(purged, target)
        if purged.delivery is Delivery.REFUSED:
            return await self._refusal(purged, target)
        if purged.delivery is Delivery.DELIVERED and self._cache.driver == "varnish":
            detail = "it accepts purges, but does not say what it removes: its VCL handles PURGE by itself, without "
            return warn(self._name, "purge", f"{detail}deploy/varnish/edgeward.vcl", self._fix)
        # That it accepts them is no proof that it carries them out: the check of an object may say more.
        unproven = f", not verified: {purged.detail}" if purged.delivery is Delivery.DELIVERED and purged.detail else ""
        return ok(self._name, "purge", f"it accepts purges ({self._cache.driver}){unproven}")

    async def _reach(self, target: Target) -> Reached:
        """What answers where purges are sent, to a client."""
        host = target.host if isinstance(self._cache, SelfHostedCache) else ""
        return await reach(self._cache.url, host, NEVER_STORED, self._cache.timeout_ms / 1000)

    async def _not_carried_out(self, purged: Purged, target: Target) -> Finding:
        """The finding on a cache that does not answer, is overloaded, or has a copy left."""
        detail, reached = f"it does not carry out purges: {purged.detail}", await self._reach(target)
        if fix := address_fixes.fix_of(reached, "`url`", self._cache.url):
            detail += "" if reached.problem in detail or purged.detail in reached.problem else f" ({reached.problem})"
            return fail(self._name, "purge", detail, fix)
        if not purged.status:
            fix = f"see its log: it answers clients ({reached.status}), and purges not in time; or raise timeout_ms"
        elif purged.status >= 429:
            fix = "see its log: it is overloaded, or what it needs to answer fails"
        elif isinstance(self._cache, SelfHostedCache):
            fix = f"{self._fix}; or correct `url`: {self._answered(reached)}"
        else:
            fix = f"correct `url`: what answers at {hide_secrets(self._cache.url)} is not this API"
        return fail(self._name, "purge", detail, fix)

    async def _refusal(self, purged: Purged, target: Target) -> Finding:
        invented = target.host == INVENTED_HOST and not isinstance(self._cache, SelfHostedCache)
        if invented and purged.status not in (401, 403, 405, 501):
            detail = f"it refuses to purge a host that it does not serve: {purged.detail}"
            return skipped(self._name, "purge", detail, "give the URL of an object there: edgeward doctor --url URL")
        detail = f"it refuses purges: {purged.detail}"
        if self._cache.driver == "varnish":
            detail += f" ({_VARNISH_REFUSALS.get(purged.status, VARNISH_WITHOUT_VCL)})"
        fix, reached = self._fix, await self._reach(target)
        if reached.step is Step.ONLY_TLS:
            fix = address_fixes.fix_of(reached, "`url`", self._cache.url)
            detail += f" ({reached.problem})"
        elif isinstance(self._cache, SelfHostedCache) and not is_like(self._cache.driver, reached.headers):
            fix = f"correct `url`: {self._answered(reached)}; or {fix}"
        return fail(self._name, "purge", detail, fix)

    def _answered(self, reached: Reached) -> str:
        by = answered_by(HttpResponse(reached.status, reached.headers))
        return f"what answers at {hide_secrets(self._cache.url)} is {by}"

    async def _check_outsider(self, cache: SelfHostedCache) -> Finding:
        """Send a purge without the secret: the cache must refuse it."""
        if not cache.secret:
            return warn(
                self._name,
                "outsider",
                "no secret is set: anyone who can send from an address that the cache trusts can purge it",
                f"set `secret` here and in the cache: {self._fix}",
            )
        target = self._target or Target("http", INVENTED_HOST, NEVER_STORED)
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
        return fail(self._name, "outsider", detail, self._fix)

    async def check_object(self, cache: SelfHostedCache) -> list[Finding]:
        if self._target is None:
            detail, fix = "there is no harmless object to test with", "give one: edgeward doctor --url URL"
            return [skipped(self._name, "object", detail, fix)]
        address = cache.serves or (self._upstream if cache.driver == "nginx" else cache.url)
        if address is None:
            detail = "its `url` is the listener for purges, which serves no clients"
            return [skipped(self._name, "object", detail, "set `serves` to the address where it serves clients")]
        client = RawHttpClient(address, cache.timeout_ms / 1000)
        try:
            check = CachedObjectCheck(self._name, self._driver, client, self._purge, self._fix)
            findings = await check.run(self._target)
            self.headers_in_key = check.headers_in_key
            return findings
        except CacheUnavailable as error:
            reached = await reach(address, self._target.host, self._target.path, cache.timeout_ms / 1000)
            key = "`serves` of this cache, the address where it serves clients"
            fix = address_fixes.fix_of(reached, key, address) or f"see its log (tried: {address})"
            return [fail(self._name, "object", f"it does not serve the object: {error}", fix)]
        finally:
            client.close()
