"""What the handlers work with, and how they get at it from a request."""

from dataclasses import dataclass

from aiohttp import web

from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.jobs import Jobs
from edgeward.blocklist.replica import Replica
from edgeward.config import Config
from edgeward.control.auth import Caller, Tokens
from edgeward.control.importer import Importer
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.store.connection import Store
from edgeward.takedown.backwards.retro import Retro
from edgeward.takedown.incidents import Incidents
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.removals.placer import Placer
from edgeward.takedown.removals.reach import Reach
from edgeward.takedown.removals.takedowns import Takedowns
from edgeward.takedown.seen.sightings import Sightings


@dataclass(frozen=True, slots=True)
class Services:
    """The rooms below, opened. `started_at` is Unix seconds."""

    config: Config
    store: Store
    catalogue: Catalogue
    replica: Replica
    sightings: Sightings
    orders: Orders
    incidents: Incidents
    retro: Retro
    reach: Reach
    takedowns: Takedowns
    placer: Placer
    jobs: Jobs
    importer: Importer
    pool: HasherPool
    tokens: Tokens
    started_at: float

    @property
    def caches(self) -> list[str]:
        """Names of the configured caches."""
        return [cache.name for cache in self.config.caches]


SERVICES = web.AppKey("services", Services)
CALLER = web.RequestKey("caller", Caller)


def services(request: web.Request) -> Services:
    return request.app[SERVICES]


def caller(request: web.Request) -> Caller:
    """Who asks. Only handlers behind a role have one."""
    return request[CALLER]
