"""Real caches on free ports of 127.0.0.1, run with the configuration files of deploy/."""

from edgeward.demo.caches.base import DEPLOY, CacheServer
from edgeward.demo.caches.nginx import Nginx
from edgeward.demo.caches.squid import Squid
from edgeward.demo.caches.trafficserver import TrafficServer
from edgeward.demo.caches.varnish import Varnish

SERVERS: tuple[type[CacheServer], ...] = (Varnish, Nginx, Squid, TrafficServer)

__all__ = ["DEPLOY", "SERVERS", "CacheServer", "Nginx", "Squid", "TrafficServer", "Varnish"]
