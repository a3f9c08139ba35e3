"""The objects that operations work on. The controller makes them once; the API and `doctor` share them."""

from dataclasses import dataclass

from edgeward.access.tokens import Tokens
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.imports.import_jobs import ImportJobs
from edgeward.imports.worker import ImportWorker
from edgeward.incidents import Incidents
from edgeward.lists.audit_trail import AuditTrail
from edgeward.lists.entry_modes import EntryModes
from edgeward.lists.held_changes import HeldChanges, HeldChangeWorker
from edgeward.lists.list_store import ListStore
from edgeward.lists.listed_entries import ListedEntries
from edgeward.lists.replication.replica import Replica
from edgeward.lists.row_removals import RowRemovals
from edgeward.lists.undo_worker import UndoWorker
from edgeward.operations.store_watch import StoreWatch
from edgeward.purging.orders import Orders
from edgeward.retromatch.worker import RetromatchWorker
from edgeward.settings.config import Config
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.takedowns.scope import TakedownScope
from edgeward.takedowns.takedowns import Takedowns
from edgeward.takedowns.worker import TakedownWorker


@dataclass(frozen=True, slots=True)
class Services:
    """One controller's settings, its connection to the store, what is in the store, and its running workers.

    Attributes:
        replica: this process's live copy of the lists.
        hashers: isolated processes for images sent to the API.
        started_at: Unix seconds.
    """

    config: Config
    started_at: float

    store: Store
    list_store: ListStore
    audit_trail: AuditTrail
    sightings: Sightings
    orders: Orders
    incidents: Incidents
    takedowns: Takedowns
    takedown_scope: TakedownScope
    import_jobs: ImportJobs
    held_changes: HeldChanges
    entry_modes: EntryModes
    tokens: Tokens

    replica: Replica
    retromatch: RetromatchWorker
    takedown_worker: TakedownWorker
    import_worker: ImportWorker
    undo_worker: UndoWorker
    held_change_worker: HeldChangeWorker
    hashers: HasherPool
    store_watch: StoreWatch

    @property
    def listed_entries(self) -> ListedEntries:
        """The entries of the lists, read some at a time."""
        return ListedEntries(self.list_store, self.replica.matcher)

    @property
    def row_removals(self) -> RowRemovals:
        """What takes rows of batches off the lists."""
        return RowRemovals(self.store, self.list_store, self.replica.batch_states)

    @property
    def caches(self) -> list[str]:
        """Names of the configured caches."""
        return [cache.name for cache in self.config.caches]

    @property
    def accepted_is_enough(self) -> list[str]:
        """Names of those whose accepted purges count as done."""
        return [cache.name for cache in self.config.caches if cache.accepted_is_enough]
