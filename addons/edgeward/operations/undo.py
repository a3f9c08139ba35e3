"""Undo: all that one act listed is taken back in one step, and what it withdrew is put back."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched, repeat

from edgeward.background.polling import Polling
from edgeward.errors import NotFound, UserError
from edgeward.imports.import_jobs import ID_PREFIX as IMPORT_ID_PREFIX
from edgeward.lists.acts import Act, Outcome, from_entries
from edgeward.matching.batches.row_sets import places_of, rows_of_act, size_of, switch_off
from edgeward.operations import still_blocked
from edgeward.operations.services import Services
from edgeward.operations.still_blocked import StillBlocked
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.operations.undo_guard import require_harmless
from edgeward.operations.waiting import ChangeStatus, wait_applied
from edgeward.takedowns.takedowns import ID_PREFIX as TAKEDOWN_ID_PREFIX
from edgeward.types import FINAL_IMPORT_STATES, Batch, Entry

UNDO_SECONDS = 30.0
"""How long a request waits for an undo. Then it goes on in the background."""
ENTRIES_PER_SLICE = 10_000
"""Entries that are looked at in one slice: that takes about a millisecond."""
ROWS_OF_PART = 1000
POLL_SECONDS = (0.003, 0.1)
"""Pause between two looks at whether an undo is done: the first, and the longest."""


@dataclass(frozen=True, slots=True)
class UndoResult:
    """An undo, and what it has done.

    Attributes:
        act: with the numbers of entries that were removed and kept. `done_at` is 0 if the undo goes on.
        outcomes: what became of the first of its entries.
        change: whether every live process has applied the removals.
        still: what still blocks the images of its entries, removed or kept.
    """

    act: Act
    outcomes: Sequence[Outcome]
    change: ChangeStatus
    still: StillBlocked


@dataclass(frozen=True, slots=True)
class ActStatus:
    """An act and the number of its entries that are on the list. `more`: there may be more, too many to count.

    `added`: how many it added that its undo has not taken back; another act may have removed some of them.
    """

    act: Act
    listed: int
    more: bool
    added: int = 0


async def get(services: Services, act_id: str) -> ActStatus:
    """An act.

    Raises:
        NotFound: there is none of this id.
    """
    try:
        act = await services.list_store.acts.get(act_id)
    except NotFound:
        # The store may have lost its record. It is recorded again by its undo, not by who only asks.
        singles, batches = await _singles_of(services, act_id), _batches_of(services, act_id)
        if (lost := from_entries(act_id, singles, batches)) is None:
            raise NotFound(_no_act(act_id)) from None
        listed = len(singles) + await _count_rows(services, lost)
        return ActStatus(lost, listed, False, listed)
    ids, more = await services.list_store.acts.added(act_id)
    single = services.replica.matcher.single_entries(act.list)
    listed = sum(entry_id in single and single[entry_id].act == act_id for entry_id in ids)
    listed += await _count_rows(services, act)
    return ActStatus(act, listed, more, await services.list_store.acts.count_added(act))


async def undo(
    services: Services, act_id: str, who: str, why: str, timeout: float = UNDO_SECONDS, *, is_judged: bool = True
) -> UndoResult:
    """Take back all that an act listed, put back what it withdrew, and wait until every live process has applied it.

    An entry that another act lists too stays, as that act's. Undone again, an act gives what its undo did.

    Args:
        timeout: seconds to wait for an undo of many entries, which then goes on in the background.
        is_judged: whether the guard judges what is put back.

    Raises:
        NotFound: there is no such act.
        Conflict: what it puts back would be held.
        UserError: it is a takedown that lists nothing, or too old.
        Unavailable: the store lost lists that are not restored yet.
    """
    refuse_changes_after_loss(services)
    await _require(services, act_id)
    act = await services.list_store.acts.get(act_id)
    if is_judged:
        await require_harmless(services, act)
    if not act.done_at:
        await services.audit_trail.note("act.undo", who, why, act=act_id, list=act.list)
        await services.undo_worker.begin(act_id, who, f"undo of {act_id}: {why}" if why else f"undo of {act_id}")
    deadline = time.monotonic() + timeout
    polling = Polling(*POLL_SECONDS)
    while not act.done_at and time.monotonic() < deadline:
        await polling.pause()
        act = await services.list_store.acts.get(act_id)
    change = await wait_applied(services.list_store, act.version)
    outcomes = await services.list_store.acts.outcomes(act_id)
    # Kept ones first, as they may still block: whoever undoes an act wants the images of all its entries unblocked.
    taken_back = [each for each in outcomes if not each.restored]
    signals = [each.entry.signal for each in sorted(taken_back, key=lambda each: each.kept_by is None)]
    return UndoResult(act, outcomes, change, await still_blocked.by_signals(services, signals, act.removed + act.kept))


async def _has_record(services: Services, act_id: str) -> bool:
    """Whether the act has a record. If the store has lost it, and a process has written its entries back, it gets one
    again."""
    acts = services.list_store.acts
    try:
        await acts.get(act_id)
    except NotFound:
        singles = await _singles_of(services, act_id)
        if (lost := from_entries(act_id, singles, _batches_of(services, act_id))) is None:
            return False
        await acts.restore(lost, [entry.id for entry in singles])
    return True


async def _require(services: Services, act_id: str) -> None:
    """Make sure that there is a record of the act. A takedown or an import that has not listed yet gets one now.

    Raises:
        NotFound, UserError: there is no such act; the message says what the id is of instead.
    """
    acts = services.list_store.acts
    if await _has_record(services, act_id):
        return
    if act_id.startswith(TAKEDOWN_ID_PREFIX):
        takedown, progress = await services.takedowns.get(act_id)
        _require_unfinished(act_id, bool(progress.placed_at), bool(takedown.list))
        await acts.declare(act_id, takedown.list, takedown.by, takedown.why)
        return
    if act_id.startswith(IMPORT_ID_PREFIX):
        job, job_progress = await services.import_jobs.get(act_id)
        _require_unfinished(act_id, job_progress.state in FINAL_IMPORT_STATES, bool(job.total or job.withdraws))
        await acts.declare(act_id, job.list, job.by, job.reason)
        return
    if (entry := services.replica.matcher.find(act_id)) is not None:
        hint = f"the act that listed it is {entry.act}" if entry.act else "`edgeward remove` removes it"
        raise NotFound(f"{act_id!r} is an entry, not an act: {hint}")
    raise NotFound(_no_act(act_id))


def _no_act(act_id: str) -> str:
    """Of an id without a record and without entries, as that of a command that ended before it listed anything."""
    return f"no act has the ID {act_id!r}: nothing is listed by it"


async def entries_of(services: Services, act_id: str) -> list[Entry]:
    """The single entries of an act in this process's live copy of the lists, and of each of its batches the first ones
    of each signal type."""
    found = await _singles_of(services, act_id)
    for batch in _batches_of(services, act_id):
        provenance = services.replica.matcher.batches(batch.list).state.provenance
        for part in batch.parts:
            some = range(part.first, part.first + min(part.rows, ROWS_OF_PART))
            found += await asyncio.to_thread(list, map(provenance.entry, repeat(batch.id), some))
    return found


async def _singles_of(services: Services, act_id: str) -> list[Entry]:
    found: list[Entry] = []
    for name in list(services.replica.matcher.lists) if act_id else ():
        for some in batched(list(services.replica.matcher.single_entries(name).values()), ENTRIES_PER_SLICE):
            found += [entry for entry in some if entry.act == act_id]
            await asyncio.sleep(0)
    return found


def _batches_of(services: Services, act_id: str) -> list[Batch]:
    """The batches of an act that are not undone."""
    matcher = services.replica.matcher
    batches = [batch for name in list(matcher.lists) if act_id for batch in matcher.batches(name).batches]
    return [batch for batch in batches if batch.act == act_id and not batch.undone]


async def _count_rows(services: Services, act: Act) -> int:
    """How many rows are listed as entries of an act, without those that are single entries too."""
    matcher = services.replica.matcher
    state, both = matcher.batches(act.list).state, list(matcher.in_both(act.list).values())

    def count() -> int:
        rows = rows_of_act(state, act.id)
        switch_off(rows, places_of(state, both))
        return size_of(rows)

    return await asyncio.to_thread(count) if state.folded.batches else 0


def _require_unfinished(act_id: str, finished: bool, lists: bool) -> None:
    """Raises UserError if a takedown or an import without a record can't list any more."""
    if not lists:
        raise UserError(f"{act_id} has listed nothing: there is nothing to undo")
    if finished:
        raise UserError(f"{act_id} has no record of what it listed: it is too old, or its list was deleted")
