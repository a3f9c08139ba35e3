"""The store after a loss of data: what is refused meanwhile, and how its lists are restored."""

import logging
import time
from dataclasses import dataclass

from edgeward.background.polling import Polling
from edgeward.errors import Conflict, Unavailable
from edgeward.lists.replication.refill import Refill, RefillRecord, RefillRequest
from edgeward.operations.services import Services

logger = logging.getLogger(__name__)

CACHES_EMPTIED = "store.caches_emptied"
"""The name of such a statement in the audit trail."""
OFFER_SECONDS = 5.0
"""How long to wait until a process offers what it holds. Each does with its heartbeats, twice a second."""
POLL_SECONDS = (0.02, 0.5)
NOT_RESTORED = (
    "the sightings: copies that caches stored before are not known, so a listing or takedown does not find them, and "
    "receipts say so; empty every cache, and then run edgeward store refill --caches-emptied",
    "purge orders that were not carried out, takedowns and their receipts, imports, incidents",
    "the audit trail before the refill, and API tokens other than the local one",
)
"""No process holds these in memory. If the whole store was emptied, they are gone."""


@dataclass(frozen=True, slots=True)
class RefillResult:
    """What a refill did.

    Attributes:
        needed: False: the store lacks nothing that this controller knows of, and nothing was restored.
        record: the last refill of this store; None if there never was one.
        not_restored: what may be lost for good, for people.
        sightings_lost: sightings were lost with the store's data, and the caches are not known to be empty since then.
        loss_ended: they were, until it was said that every cache had been emptied.
    """

    needed: bool
    record: RefillRecord | None
    not_restored: tuple[str, ...] = ()
    sightings_lost: bool = False
    loss_ended: bool = False


async def _refuse_before_lists_are_loaded(services: Services) -> None:
    """Raises Unavailable while it is not known whether the store lost data: a controller that has just started, or just
    noticed it, compares what it and its machine knew with what it loads."""
    replica = services.replica
    if replica.loss is None:
        await replica.compare_with_store()
    if replica.loss is None and not (replica.ready and replica.loaded):
        raise Unavailable(f"{services.store_watch.loading or 'the lists are not loaded yet'}: try again")


def refuse_changes_after_loss(services: Services) -> None:
    """Raises Unavailable while the store lacks lists that it had: it would be a change of incomplete lists."""
    if (loss := services.replica.loss) is not None:
        raise Unavailable(f"{loss.reason}; until then no list is changed")


async def refill(
    services: Services, who: str, why: str, accept_empty: bool = False, timeout: float = 300.0
) -> RefillResult:
    """Restore the lists of a store that lost them, from the process that holds the most.

    Args:
        who: the caller's name, for the audit trail.
        accept_empty: restore nothing: what the store lacks is given up, and every process drops it.
        timeout: seconds to wait for the end.

    Raises:
        Conflict: no running process holds the lists any more.
        Unavailable: it was not done in time, or the lists are not loaded yet. The same call continues.
    """
    await _refuse_before_lists_are_loaded(services)
    own, store = services.replica, Refill(services.store)
    if own.loss is None:
        lost = (await services.sightings.forgotten.totals()).store_lost
        return RefillResult(False, await store.last(), sightings_lost=lost)
    # Before anything is restored: what is listed then is matched against sightings that may lack any copy.
    await services.sightings.forgotten.remember_store_loss()
    deadline = time.monotonic() + timeout
    before = await store.last()
    if accept_empty:
        await store.accept_loss(who, why, [own.lost_history])
    else:
        await _have_written_back(store, before, who, why, deadline)
    polling = Polling(*POLL_SECONDS)
    while (record := await store.last()) == before or own.loss is not None:
        await _pause_before(deadline, polling)
    return RefillResult(True, record, NOT_RESTORED, sightings_lost=True)


async def caches_emptied(services: Services, who: str, why: str) -> RefillResult:
    """Every cache was emptied since the store was repaired: copies from before the loss are gone.

    `who` says so, and `why` they know, is in the audit trail and in the log.

    Raises:
        Conflict: the store is not repaired yet. What workers recorded before the loss they may not record again until
            then, so a cache must be emptied later.
        Unavailable: the lists are not loaded yet, so whether it is repaired is not known.
    """
    await _refuse_before_lists_are_loaded(services)
    if services.replica.loss is not None:
        raise Conflict(
            "the store is not repaired yet: run `edgeward store refill` first, then empty every cache, and then say so"
        )
    # Before it counts: without the line nobody could be asked.
    await services.audit_trail.state(CACHES_EMPTIED, who, why, caches=services.caches)
    loss_ended = await services.sightings.forgotten.end_store_loss()
    for name in services.caches:
        await services.orders.key_mismatches.note_emptied(name)
    after = "after the store lost its data" if loss_ended else "and no loss of the store's data was on record"
    logger.warning("%s says that every cache was emptied, %s%s", who, after, f": {why}" if why else "")
    return RefillResult(False, await Refill(services.store).last(), loss_ended=loss_ended)


async def note_loss(services: Services) -> None:
    """If the store has lost its data, have it remembered that sightings are missing, whatever is restored later."""
    if services.replica.loss is not None:
        await services.sightings.forgotten.remember_store_loss()


async def _have_written_back(store: Refill, before: RefillRecord | None, who: str, why: str, deadline: float) -> None:
    """Ask the process that holds the most of what the store lacks to write it back, and wait until it has.

    A process counts as live for a while after it was killed. So if the one that was asked ends, the next is asked.
    `before`: the last refill until now.
    """
    polling, asked = Polling(*POLL_SECONDS), ""
    offers_end = time.monotonic() + OFFER_SECONDS
    while await store.last() == before:
        held = {name: each for name, each in (await store.holdings()).items() if each.entries or each.lists}
        if held:
            offers_end = time.monotonic() + OFFER_SECONDS
        if held and asked not in held:
            asked = max(held, key=lambda each: (held[each].entries, held[each].lists))
            await store.request(RefillRequest(asked, who, why))
        if time.monotonic() > offers_end:
            raise Conflict(
                "no running process holds the lists that the store lost: restore a backup of the store, or give them "
                "up with --accept-empty and import them again"
            )
        await _pause_before(deadline, polling)


async def _pause_before(deadline: float, polling: Polling) -> None:
    if time.monotonic() > deadline:
        raise Unavailable("the lists are not restored yet: repeat the command, or run `edgeward doctor`")
    await polling.pause()
