"""A site that several tests use: to start one takes seconds."""

from dataclasses import dataclass

from tests.unknown_copies.origin import SequenceOrigin
from tests.unknown_copies.site import Site
from tests.unknown_copies.varying import VaryingResources

from edgeward.demo.caches import CacheServer, Nginx, Squid, TrafficServer, Varnish

SEED = 7
SAMPLED: list[tuple[type[CacheServer], str]] = [
    *((Varnish, placement) for placement in ("front", "fill")),
    (Nginx, "front"),
    (Squid, "front"),
]
"""Those that a sample of random sequences is run on."""
SITES = [*SAMPLED, (Nginx, "fill"), (Squid, "fill"), (TrafficServer, "front"), (TrafficServer, "fill")]
"""Each cache in both placements."""


def name_of(site: tuple[type[CacheServer], str]) -> str:
    return f"{site[0].driver}-{site[1]}"


@dataclass(frozen=True)
class SharedSite:
    """A running site, whose origin has the resources of the sequences and those with unusual Vary."""

    kind: type[CacheServer]
    placement: str
    site: Site
    origin: SequenceOrigin
    varying: VaryingResources
