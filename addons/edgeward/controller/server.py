"""Runs a controller: its workers and the admin API, until it is told to stop."""

import asyncio
import logging
import os
import socket
from contextlib import AsyncExitStack

from aiohttp import web

from edgeward import metrics
from edgeward.api.connections import listen
from edgeward.api.routes import make_app
from edgeward.controller.composition import compose, workers_of
from edgeward.controller.local_access_file import LocalAccessFile, url_of
from edgeward.errors import ConfigError, LaterRelease, StoreUnavailable
from edgeward.listening_sockets import ADMIN_FD, inherited_socket, listening_socket, report_ready
from edgeward.operations.services import Services
from edgeward.settings.config import Config
from edgeward.store.connection import Store

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 2.0
"""How long requests in progress may take to end."""


async def serve(config: Config, stop: asyncio.Event) -> None:
    """Run one controller until `stop` is set. Then close everything in reverse order, the store last.

    The API answers before the lists are loaded, so that a long load is not mistaken for a crash: until then /readyz
    and the API answer 503.

    Raises:
        ConfigError: admin.listen is in use or invalid; or, without a supervisor, state_dir can't be written.
        StoreUnavailable: the store can't be reached, and there is no supervisor, which has reached it. (A store that
            becomes unavailable later is waited for.)
        LaterRelease: only a later release can use the store, at the start or from a later moment on.
    """
    metrics.process_starts.labels("controller").inc()
    sock = inherited_socket(ADMIN_FD) or listening_socket(config.admin.listen, "admin.listen")
    async with AsyncExitStack() as stack:
        stack.callback(sock.close)
        store = await _connect(config, patient=ADMIN_FD in os.environ)
        stack.push_async_callback(store.close)
        # The same name after a restart: what this controller left unfinished is its own again, without waiting until
        # another may take it over.
        consumer = f"{socket.gethostname()}:{sock.getsockname()[1]}"
        services = compose(config, store, consumer)
        workers = workers_of(services, consumer)
        for worker in workers:
            stack.push_async_callback(worker.close)
        await _serve_api(services, sock, stack)
        for worker in workers:
            await worker.start()
        logger.info("controller ready: admin API on %s, %d caches", url_of(sock), len(config.caches))
        await _first_of(stop, services.store_watch.refused)
        logger.info("controller stopping")
        if services.store_watch.refused.is_set():
            raise LaterRelease(services.store_watch.refusal)


async def _first_of(*events: asyncio.Event) -> None:
    """Wait until one of them is set."""
    waits = [asyncio.create_task(event.wait(), name="end of the controller") for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _connect(config: Config, patient: bool) -> Store:
    """`patient`: without the store too. It may load its data for minutes, and /readyz and the API say so."""
    settings = (config.store_url, config.store.namespace, config.store.timeout_ms, config.store.replicas)
    try:
        return await Store.connect(*settings)
    except StoreUnavailable as error:
        if not patient:
            raise
        logger.warning("starting without the store: %s", error)
        return Store(*settings)


async def _serve_api(services: Services, sock: socket.socket, stack: AsyncExitStack) -> None:
    runner = web.AppRunner(make_app(services), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    # Before the first answer: a command must not find the token of the controller that was here before.
    access_file = LocalAccessFile(services.config.state_dir, url_of(sock), services.tokens.local)
    stack.callback(access_file.remove)
    try:
        access_file.write()
    except ConfigError as error:
        if ADMIN_FD not in os.environ:
            raise
        # state_dir may be full, read-only or deleted since the supervisor began.
        logger.error("commands on this machine do not find the admin API: %s; trying again", error)
    keeping = asyncio.create_task(access_file.keep(), name="api.json")
    stack.callback(keeping.cancel)
    stack.callback((await listen(runner, sock)).close)
    report_ready()
