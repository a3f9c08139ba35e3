"""The sites of these scenarios: each kind of cache behind Edgeward, and one before it."""

from edgeward.demo.caches import SERVERS, CacheServer, Varnish
from edgeward.demo.stack import Placement

type Site = tuple[type[CacheServer], Placement]

IN_FRONT: list[Site] = [(kind, "front") for kind in SERVERS]
SITES: list[Site] = [*IN_FRONT, (Varnish, "fill")]


def name_of(site: Site) -> str:
    return f"{site[0].driver}-{site[1]}"
