"""The controller process: the store, the live lists, matching backwards, purging and the admin API, run together."""

import asyncio
import logging
import os
import socket
import time
from contextlib import AsyncExitStack
from typing import Protocol

from aiohttp import web

from edgeward import metrics
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.jobs import Jobs
from edgeward.blocklist.replica import Replica
from edgeward.cache_settings import tag_headers
from edgeward.config import Config
from edgeward.control.app import make_app
from edgeward.control.auth import Tokens
from edgeward.control.door import Door, url_of
from edgeward.control.importer import Importer
from edgeward.control.services import Services
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.listen import ADMIN_FD, inherited, listening
from edgeward.matching.matcher import Matcher
from edgeward.store.connection import Store
from edgeward.takedown.backwards.retro import Retro
from edgeward.takedown.incidents import Incidents
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.purging.purger import purgers
from edgeward.takedown.removals.parts import Parts
from edgeward.takedown.removals.placer import Placer
from edgeward.takedown.removals.reach import Reach
from edgeward.takedown.removals.takedowns import Takedowns
from edgeward.takedown.seen.sightings import Sightings
from edgeward.takedown.sweep.queue import SweepQueue
from edgeward.takedown.sweep.sweeper import Sweeper

logger = logging.getLogger(__name__)

HASHERS = 1
"""Hasher processes for images that people send in: they come one at a time."""
SHUTDOWN_SECONDS = 2.0
"""How long requests under way may take to end."""


class _Part(Protocol):
    async def start(self) -> None: ...
    async def close(self) -> None: ...


async def serve(config: Config, stop: asyncio.Event) -> None:
    """Run one controller until `stop` is set; then end in good order, the store last.

    It answers from the start, so that nobody takes a long load of the lists for a death: /readyz says when they are
    there, and until then the API asks to come again.

    Raises:
        ConfigError: admin.listen is in use or impossible, or state_dir can't be written.
        StoreUnavailable: the store can't be reached. (Once it runs, a store that goes away is waited for.)
    """
    metrics.process_starts.labels("controller").inc()
    sock = inherited(ADMIN_FD) or listening(config.admin.listen, "admin.listen")
    async with AsyncExitStack() as stack:
        stack.callback(sock.close)
        store = await Store.connect(
            config.store_url, config.store.namespace, config.store.timeout_ms, config.store.replicas
        )
        stack.push_async_callback(store.close)
        # The address stays the same over a restart: what this controller left unfinished is its own again at once.
        consumer = f"{socket.gethostname()}:{sock.getsockname()[1]}"
        within = _compose(config, store, consumer)
        sweeper = Sweeper(config, SweepQueue(store), within.sightings, within.orders, within.pool)
        parts: list[_Part] = [
            *purgers(within.orders, config, consumer),
            within.pool,
            within.replica,
            within.retro,
            within.placer,
            within.importer,
            sweeper,
        ]
        for part in parts:
            stack.push_async_callback(part.close)
        await _answer(within, sock, stack)
        for part in parts:
            await part.start()
        logger.info("controller ready: admin API on %s, %d caches", url_of(sock), len(config.caches))
        await stop.wait()
        logger.info("controller stopping")


def _compose(config: Config, store: Store, consumer: str) -> Services:
    matcher = Matcher(config.hashing.min_quality, config.hashing.signals)
    replica = Replica(store, f"{socket.gethostname()}/{os.getpid()}", matcher)
    sightings = Sightings(store, config.sightings)
    orders, catalogue, takedowns, jobs = Orders(store), Catalogue(store), Takedowns(store), Jobs(store)
    tags = bool(tag_headers(config.caches))
    retro = Retro(store, replica, sightings, orders, consumer=consumer, tags=tags)
    reach = Reach(sightings, retro)
    parts = Parts(takedowns, reach, orders, catalogue, retro, tags)
    return Services(
        config=config,
        store=store,
        catalogue=catalogue,
        replica=replica,
        sightings=sightings,
        orders=orders,
        incidents=Incidents(store),
        retro=retro,
        reach=reach,
        takedowns=takedowns,
        placer=Placer(takedowns, parts, orders, config.purge.keep_days * 86400),
        jobs=jobs,
        importer=Importer(jobs, catalogue, retro, orders),
        pool=HasherPool(config.hashing.model_copy(update={"processes": HASHERS})),
        tokens=Tokens(store),
        started_at=time.time(),
    )


async def _answer(within: Services, sock: socket.socket, stack: AsyncExitStack) -> None:
    # No access log: its lines would hold URLs and hashes.
    runner = web.AppRunner(make_app(within), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, sock).start()
    door = Door(within.config.state_dir, url_of(sock), within.tokens.local)
    door.open()
    stack.callback(door.close)
