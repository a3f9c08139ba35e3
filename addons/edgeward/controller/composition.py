"""Makes the objects of a controller from its settings and a connection to the store. Starts nothing."""

import os
import socket
import time
from typing import Protocol

from edgeward.access.tokens import Tokens
from edgeward.background.clock_watch import ClockWatch
from edgeward.doctor.key_check import KeyCheck
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.imports.import_jobs import ImportJobs
from edgeward.imports.worker import ImportWorker
from edgeward.incidents import Incidents
from edgeward.lists.audit_trail import AuditTrail
from edgeward.lists.entry_modes import EntryModes
from edgeward.lists.held_changes import HeldChanges, HeldChangeWorker
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.lists.replication.store_loss import APPLIED_LISTS_FILE, AppliedListsFile
from edgeward.lists.undo_worker import UndoWorker
from edgeward.matching.batches.batch_files import BATCHES_DIRECTORY, BatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.operations.entry_guard import EntryGuard
from edgeward.operations.expired_sightings import ExpiredSightings
from edgeward.operations.held_watch import HeldWatch
from edgeward.operations.node_watch import NodeWatch
from edgeward.operations.old_records import OldRecords
from edgeward.operations.services import Services
from edgeward.operations.settings_watch import SettingsWatch
from edgeward.operations.store_watch import StoreWatch
from edgeward.origin_check.queue import sweep_queue
from edgeward.origin_check.sweeper import Sweeper
from edgeward.policy.list_expiry import ListExpiry
from edgeward.purging.orders import Orders
from edgeward.purging.purger import purgers
from edgeward.retromatch.forgotten_purges import ForgottenPurges, ForgottenPurgesWorker
from edgeward.retromatch.worker import RetromatchWorker
from edgeward.settings.cache_settings import tag_headers
from edgeward.settings.config import Config
from edgeward.settings.own_network import place_id
from edgeward.sightings.prune_worker import PruneWorker
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.takedowns.scope import TakedownScope
from edgeward.takedowns.steps import TakedownSteps
from edgeward.takedowns.takedowns import Takedowns
from edgeward.takedowns.worker import TakedownWorker

HASHERS = 1
"""Hasher processes for images sent to the API. They come one at a time."""
DAY_SECONDS = 86400
LISTS_SECONDS = 2.0
"""How long a controller waits for long lists before its API answers. Until they are loaded its status says so."""


class Worker(Protocol):
    """Background work: runs from `start` to `close`."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...


def compose(config: Config, store: Store, consumer: str) -> Services:
    """The services of a controller.

    Args:
        consumer: the controller's name among those that share work. No two live controllers have the same.
    """
    replica = Replica(
        store,
        f"{socket.gethostname()}/controller/{os.getpid()}",
        Matcher(config.hashing.min_quality, config.hashing.signals),
        AppliedListsFile(config.state_dir.absolute() / APPLIED_LISTS_FILE),
        BatchFiles(config.state_dir.absolute() / BATCHES_DIRECTORY),
    )
    replica.start_seconds = LISTS_SECONDS
    sightings, orders, list_store = (
        Sightings(store, config.sightings),
        Orders(store),
        ListStore(store, replica.membership),
    )
    replica.membership.remember_loss = sightings.forgotten.remember_store_loss
    takedowns, import_jobs, held_changes = Takedowns(store), ImportJobs(store), HeldChanges(store)
    # If a cache stores images under tags, the orders for an image include one by its tag: it removes copies under URLs
    # that were never seen too.
    tags = bool(tag_headers(config.caches))
    retromatch = RetromatchWorker(store, replica, sightings, orders, consumer=consumer, tags=tags)
    takedown_scope = TakedownScope(sightings, retromatch)
    steps = TakedownSteps(takedowns, takedown_scope, orders, list_store, retromatch, tags)
    return Services(
        config=config,
        started_at=time.time(),
        store=store,
        list_store=list_store,
        audit_trail=AuditTrail(store),
        sightings=sightings,
        orders=orders,
        incidents=Incidents(store, sightings.memory),
        takedowns=takedowns,
        takedown_scope=takedown_scope,
        import_jobs=import_jobs,
        held_changes=held_changes,
        entry_modes=EntryModes(store),
        tokens=Tokens(store),
        replica=replica,
        retromatch=retromatch,
        takedown_worker=TakedownWorker(takedowns, steps, orders, config.purge.keep_days * DAY_SECONDS),
        import_worker=ImportWorker(store, import_jobs, list_store, replica, retromatch, orders),
        undo_worker=UndoWorker(store, list_store, replica),
        held_change_worker=HeldChangeWorker(held_changes, list_store),
        hashers=HasherPool(config.hashing.model_copy(update={"processes": HASHERS})),
        store_watch=StoreWatch(store),
    )


def _expired_sightings(services: Services) -> ExpiredSightings:
    keep_days, forgotten = services.config.sightings.keep_days, services.sightings.forgotten
    return ExpiredSightings(services.store, services.orders.clock, forgotten, keep_days)


def _old_records(services: Services) -> OldRecords:
    return OldRecords(
        services.orders.clock,
        services.list_store,
        services.import_jobs,
        services.held_changes,
        services.takedowns,
        services.retromatch,
        services.audit_trail,
        services.config.audit.keep_days,
    )


def workers_of(services: Services, consumer: str) -> list[Worker]:
    """All background work of a controller, in the order in which it is started; it is closed in reverse.

    The clock comes first, by which repeats are due, and what other controllers have. Then the purgers: a long load of
    the lists must not delay orders that are on record.
    """
    config, orders = services.config, services.orders
    return [
        ClockWatch(services.store, _expired_sightings(services).look),
        SettingsWatch(orders, config, f"{consumer}#{place_id(config.state_dir)}"),
        *purgers(orders, config, consumer),
        services.hashers,
        services.replica,
        services.retromatch,
        services.takedown_worker,
        services.import_worker,
        services.undo_worker,
        services.held_change_worker,
        HeldWatch(services),
        EntryGuard(services),
        services.store_watch,
        NodeWatch(orders, services.caches),
        _old_records(services),
        ListExpiry(orders.clock, services.list_store),
        PruneWorker(services.sightings),
        ForgottenPurgesWorker(
            ForgottenPurges(services.store, services.sightings.forgotten, orders),
            services.sightings.forgotten,
            services.caches,
        ),
        KeyCheck(services),
        Sweeper(config, sweep_queue(config, services.store), services.sightings, orders, services.hashers),
    ]
