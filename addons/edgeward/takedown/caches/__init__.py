"""One small class per kind of cache."""

from edgeward.config import CacheSettings
from edgeward.takedown.caches.base import CacheDriver, Purged
from edgeward.takedown.caches.nginx import Nginx
from edgeward.takedown.caches.varnish import Varnish

DRIVERS: tuple[type[CacheDriver], ...] = (Varnish, Nginx)

__all__ = ["DRIVERS", "CacheDriver", "Purged", "driver_for"]


def driver_for(settings: CacheSettings) -> CacheDriver:
    """The driver that `settings.driver` names, for this node."""
    return next(driver for driver in DRIVERS if driver.name == settings.driver)(settings)
