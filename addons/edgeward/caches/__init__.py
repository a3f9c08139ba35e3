"""Cache drivers: one small class for each kind of cache."""

from edgeward.caches.akamai import Akamai
from edgeward.caches.base import CacheDriver, Purged
from edgeward.caches.bunny import Bunny
from edgeward.caches.cloudflare import Cloudflare
from edgeward.caches.cloudfront import CloudFront
from edgeward.caches.fastly import Fastly
from edgeward.caches.generic import Generic
from edgeward.caches.google import Google
from edgeward.caches.keycdn import KeyCdn
from edgeward.caches.nginx import Nginx
from edgeward.caches.nginx_plus import NginxPlus
from edgeward.caches.souin import Souin
from edgeward.caches.squid import Squid
from edgeward.caches.trafficserver import TrafficServer
from edgeward.caches.varnish import Varnish
from edgeward.settings.cache_settings import CacheSettings

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
