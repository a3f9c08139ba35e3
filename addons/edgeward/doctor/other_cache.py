"""Whether what answers at the `url` of a cache is another kind of cache than its `driver`."""

from edgeward.caches.raw_http import RawHttpClient, TargetError
from edgeward.caches.response_signs import Sign, sign_of_another
from edgeward.doctor.finding import Finding, fail
from edgeward.errors import CacheUnavailable
from edgeward.settings.cache_settings import SelfHostedCache
from edgeward.settings.secret_types import hide_secrets


async def other_cache_at(cache: SelfHostedCache, host: str, path: str) -> Sign | None:
    """Send a purge without the secret, which a cache answers by itself: what the origin answers says nothing of the
    cache. None if nothing tells that it is another kind, or nothing answers.

    Args:
        path: of an object that was never stored.
    """
    client = RawHttpClient(cache.url, cache.timeout_ms / 1000)
    try:
        return sign_of_another(cache.driver, (await client.ask("PURGE", host, path)).headers)
    except (CacheUnavailable, TargetError):
        return None
    finally:
        client.close()


def wrong_driver(cache: SelfHostedCache, sign: Sign) -> Finding:
    """The finding on it: what such a server says of purges proves nothing."""
    kinds = " or ".join(sorted(sign.drivers))
    detail = f"what answers at {hide_secrets(cache.url)} is another kind of cache: {kinds} ({sign}), not {cache.driver}"
    return fail(cache.name, "purge", detail, f"`driver` is wrong: set it to {kinds}; or correct `url`")
