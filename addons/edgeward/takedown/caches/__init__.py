"""One small class per kind of cache."""

from collections.abc import Iterable

from edgeward.cache_settings import CacheSettings
from edgeward.takedown.caches.akamai import Akamai
from edgeward.takedown.caches.base import CacheDriver, Purged
from edgeward.takedown.caches.bunny import Bunny
from edgeward.takedown.caches.cloudflare import Cloudflare
from edgeward.takedown.caches.cloudfront import CloudFront
from edgeward.takedown.caches.fastly import Fastly
from edgeward.takedown.caches.generic import Generic
from edgeward.takedown.caches.google import Google
from edgeward.takedown.caches.keycdn import KeyCdn
from edgeward.takedown.caches.nginx import Nginx
from edgeward.takedown.caches.nginx_plus import NginxPlus
from edgeward.takedown.caches.souin import Souin
from edgeward.takedown.caches.squid import Squid
from edgeward.takedown.caches.trafficserver import TrafficServer
from edgeward.takedown.caches.varnish import Varnish

DRIVERS: tuple[type[CacheDriver], ...] = (
    Akamai,
    Bunny,
    Cloudflare,
    CloudFront,
    Fastly,
    Generic,
    Google,
    KeyCdn,
    Nginx,
    NginxPlus,
    Souin,
    Squid,
    TrafficServer,
    Varnish,
)

__all__ = ["DRIVERS", "CacheDriver", "Purged", "driver_for", "tag_headers"]


def driver_for(settings: CacheSettings) -> CacheDriver:
    """The driver that `settings.driver` names, for this node."""
    return _kind(settings)(settings)


def tag_headers(caches: Iterable[CacheSettings]) -> tuple[str, ...]:
    """The response headers that an image must carry its tag in, for those of these caches that purge by tag."""
    tagged = [_kind(cache).tag_header for cache in caches if getattr(cache, "tags", False)]
    return tuple(sorted({header for header in tagged if header}))


def _kind(settings: CacheSettings) -> type[CacheDriver]:
    return next(driver for driver in DRIVERS if driver.name == settings.driver)
