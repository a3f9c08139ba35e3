"""One small class per kind of cache."""

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

__all__ = ["DRIVERS", "CacheDriver", "Purged", "driver_for"]


def driver_for(settings: CacheSettings) -> CacheDriver:
    """The driver that `settings.driver` names, for this node."""
    return next(driver for driver in DRIVERS if driver.name == settings.driver)(settings)
