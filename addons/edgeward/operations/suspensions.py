"""Entries that the guard has set to monitor: they wait for a person, who confirms or removes them."""

from dataclasses import dataclass

from edgeward.lists.entry_modes import Suspension
from edgeward.operations import entries
from edgeward.operations.services import Services
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.operations.waiting import ChangeStatus, wait_applied
from edgeward.types import Entry


@dataclass(frozen=True, slots=True)
class EntryConfirmed:
    """An entry that acts as its list says again."""

    entry: Entry
    change: ChangeStatus


async def index(services: Services) -> list[Suspension]:
    """The entries that wait for a person, oldest first."""
    return await services.entry_modes.suspended()


async def confirm(services: Services, entry_id: str, who: str, why: str) -> EntryConfirmed:
    """Let a suspended entry block again, for good, and wait until every live process acts on it.

    Raises:
        NotFound: there is no such entry.
        Conflict: it is not suspended.
        Unavailable: the store lost lists that are not restored yet.
    """
    refuse_changes_after_loss(services)
    known = entries.find(services, entry_id)
    change = await services.entry_modes.confirm(known, who, why)
    return EntryConfirmed(change.entry or known, await wait_applied(services.list_store, change.version))
