"""Updates of the lists that the guard holds: imports and added entries, takedowns by hash, changes of a list's policy.

Nothing of a held update is applied. It stays until a person decides, however long that takes. An approved one is
applied as it was asked for, by the workers of its kind; it is judged anew first.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import batched, chain
from typing import Any

from edgeward.background.job_store import JobStore
from edgeward.errors import Conflict, Forbidden, Held, NotFound
from edgeward.imports.batch_rows import pieces_of, read_piece
from edgeward.imports.import_jobs import ID_PREFIX as IMPORT_PREFIX
from edgeward.imports.import_jobs import ImportJob
from edgeward.imports.import_progress import ImportProgress
from edgeward.lists.held_changes import ID_PREFIX as CHANGE_PREFIX
from edgeward.lists.held_changes import ChangeProgress, HeldChange
from edgeward.operations.guard import HASHES_PER_SEARCH, NO_EFFECT, Judgement, in_chunks, judge, not_listed
from edgeward.operations.services import Services
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.quantities import counted
from edgeward.takedowns.takedowns import ID_PREFIX as TAKEDOWN_PREFIX
from edgeward.takedowns.takedowns import Takedown, TakedownProgress
from edgeward.types import Entry, HashList, ListKind, Mode, Signal

MAX_HELD = 1000
"""Held updates of each kind that are shown; all are counted."""
GROWTH = 1.1
"""How many times as many images as when it was held an update may block, to be approved without another look."""


@dataclass(frozen=True, slots=True)
class HeldUpdate:
    """An update, held or decided.

    Attributes:
        kind: "import", "takedown" or "list".
        list: the list that it changes; "" for a takedown that lists nothing.
        by: who asked for it; `at`: when, Unix seconds; `why`: the reason.
        judgement: why it was held.
        state: "held", or the state of its kind.
        hashes: how many it lists, or takes down.
        values: of a change of a list: the keys that it sets.
        error: why it is not applied, once that is decided.
    """

    id: str
    kind: str
    list: str
    by: str
    at: float
    why: str
    judgement: Judgement
    state: str
    hashes: int = 0
    values: Mapping[str, Any] | None = None
    error: str = ""

    @property
    def is_held(self) -> bool:
        return self.state == "held"

    @property
    def statement(self) -> str:
        """What it is, and why it is held."""
        return f"{self.id} is held until a second person approves it: {'; '.join(self.judgement.reasons)}"


class UpdateHeld(Held):
    """With the update that is held."""

    def __init__(self, update: HeldUpdate) -> None:
        super().__init__(update.statement)
        self.update = update


def of_import(job: ImportJob, progress: ImportProgress) -> HeldUpdate:
    """An import that is held, or was."""
    judged = _judgement(progress.held)
    values = job.id, "import", job.list, job.by, job.at, job.reason, judged, progress.state, job.total
    return HeldUpdate(*values, error=progress.error)


def of_takedown(takedown: Takedown, progress: TakedownProgress) -> HeldUpdate:
    """A takedown that is held, or was."""
    state = "held" if progress.is_held else "placed" if progress.placed_at else "placing"
    judged, total = _judgement(progress.held), len(takedown.signals)
    values = takedown.id, "takedown", takedown.list, takedown.by, takedown.at, takedown.why, judged, state, total
    return HeldUpdate(*values, error=progress.error)


def of_change(change: HeldChange, progress: ChangeProgress) -> HeldUpdate:
    """A change of a list's policy that is held, or was."""
    judged = _judgement(progress.held)
    values = change.id, "list", change.list, change.by, change.at, change.why, judged, progress.state
    return HeldUpdate(*values, values=change.values, error=progress.error)


def _judgement(text: str) -> Judgement:
    return Judgement.from_json(text) if text else NO_EFFECT


async def index(services: Services) -> list[HeldUpdate]:
    """The updates that wait for a person, oldest first."""
    found = [of_import(*each) for each in await services.import_jobs.held(MAX_HELD)]
    found += [of_takedown(*each) for each in await services.takedowns.held(MAX_HELD)]
    found += [of_change(*each) for each in await services.held_changes.held(MAX_HELD)]
    return sorted(found, key=lambda each: (each.at, each.id))


async def count(services: Services) -> int:
    """How many updates wait for a person."""
    return sum([await each.count_held() for each in _job_stores(services).values()])


def _job_stores(services: Services) -> dict[str, JobStore]:
    return {
        "import": services.import_jobs.job_store,
        "takedown": services.takedowns.job_store,
        "list": services.held_changes.job_store,
    }


async def get(services: Services, update_id: str) -> HeldUpdate:
    """An update that is held, or was.

    Raises:
        NotFound: there is none of this id, or no longer.
    """
    if update_id.startswith(IMPORT_PREFIX):
        found = of_import(*await services.import_jobs.get(update_id))
    elif update_id.startswith(TAKEDOWN_PREFIX):
        found = of_takedown(*await services.takedowns.get(update_id))
    elif update_id.startswith(CHANGE_PREFIX):
        found = of_change(*await services.held_changes.get(update_id))
    else:
        raise NotFound(f"no held update has the ID {update_id!r}: see `edgeward held`")
    if not found.is_held and not found.judgement.is_held:
        raise Conflict(f"{update_id} was never held")
    return found


async def approve(services: Services, update_id: str, who: str, why: str) -> HeldUpdate:
    """Let a held update be applied, as it was asked for. It is judged anew first.

    Returns:
        The update, with the new judgement.

    Raises:
        NotFound: there is no such update, or its list is gone.
        Forbidden: it is the approver's own.
        Conflict: it is decided already, or it would block clearly more by now: then it stays held, with the new
            numbers.
        Unavailable: the store lost lists that are not restored yet, or the images seen are still being read.
    """
    refuse_changes_after_loss(services)
    update = await _require_held(services, update_id)
    if services.config.guard.second_person and who == update.by:
        raise Forbidden(
            f"{who!r} has asked for {update_id}: another token must approve it (`edgeward token create`), unless "
            "guard.second_person is off"
        )
    judged = await _judge_again(services, update)
    if _has_grown(update.judgement, judged):
        await _job_stores(services)[update.kind].note_held(update_id, judged.to_json())
        raise Conflict(
            f"{update_id} would do more by now than when it was held: {'; '.join(judged.reasons)}; look again"
        )
    about = {"update": update_id, "list": update.list, "by": update.by, "images": judged.effect.images}
    await services.audit_trail.note("update.approve", who, why, **about)
    decided = {"approved_by": who, "approved_why": why, "approved_at": f"{services.store.clock.now():.6f}"}
    if not await _job_stores(services)[update.kind].release(update_id, decided):
        raise await _decided(services, update_id)
    for worker in (services.import_worker, services.takedown_worker, services.held_change_worker):
        worker.wake()
    return replace(update, judgement=judged, state="approved")


async def reject(services: Services, update_id: str, who: str, why: str) -> HeldUpdate:
    """End a held update: it is never applied. Who has asked for it may do that too.

    Raises:
        NotFound: there is no such update.
        Conflict: it is decided already.
    """
    update = await _require_held(services, update_id)
    about = {"update": update_id, "list": update.list, "by": update.by}
    await services.audit_trail.note("update.reject", who, why, **about)
    error = f"rejected by {who}" + (f": {why}" if why else "")
    rejected = {
        "import": services.import_jobs.reject,
        "takedown": services.takedowns.reject,
        "list": services.held_changes.reject,
    }[update.kind]
    if not await rejected(update_id, error):
        raise await _decided(services, update_id)
    return replace(update, state="rejected", error=error)


async def _require_held(services: Services, update_id: str) -> HeldUpdate:
    update = await get(services, update_id)
    if not update.is_held:
        raise await _decided(services, update_id)
    return update


async def _decided(services: Services, update_id: str) -> Conflict:
    found = await get(services, update_id)
    return Conflict(f"{update_id} is decided already: {found.error or found.state}")


def _has_grown(before: Judgement, now: Judgement) -> bool:
    """Whether the update would do clearly more, or something else, than whoever decides has seen."""
    old, new = before.effect, now.effect
    more = before.upper(old.images) * GROWTH < now.upper(new.images) or before.upper(old.targets) * GROWTH < now.upper(
        new.targets
    )
    protected = old.protected < new.protected or before.protected_hashes < now.protected_hashes
    # Where there was no time to count all, the numbers were a lower bound: what is more now was to be expected.
    return now.is_held and ((more and not old.unsearched) or protected)


async def _judge_again(services: Services, update: HeldUpdate) -> Judgement:
    if update.kind == "import":
        job, _ = await services.import_jobs.get(update.id)
        on = await services.list_store.get_list(job.list)
        return await judge(services, on, job.total, _signals_of(services, job))
    if update.kind == "takedown":
        takedown, _ = await services.takedowns.get(update.id)
        return await judge_takedown(services, takedown.list, takedown.signals)
    change, _ = await services.held_changes.get(update.id)
    after = change.applied_to(await services.list_store.get_list(change.list))
    return await judge_policy(services, after)


async def _signals_of(services: Services, job: ImportJob) -> AsyncIterator[Sequence[Signal]]:
    """The hashes of a held import that are not on the list, some thousand at a time."""
    if job.is_batch:
        for piece in chain.from_iterable(pieces_of(job.parts)):
            rows = read_piece(await services.import_jobs.piece(job.id, piece.number), piece)
            yield await not_listed(services, job.list, [rows.signal(number) for number in range(len(rows))])
        return
    for number in range(job.chunks):
        signals = [each.signal for each in await services.import_jobs.chunk(job, number)]
        yield await not_listed(services, job.list, signals)


async def judge_policy(services: Services, after: HashList) -> Judgement:
    """What all entries of a list would do under this policy that they do not do now."""
    total = len(services.replica.matcher.entries(after.name))
    async with aclosing(services.listed_entries.in_memory(after.name)) as pieces:
        return await judge(services, after, total, _signals_in(pieces))


async def _signals_in(pieces: AsyncIterator[Sequence[Entry]]) -> AsyncIterator[Sequence[Signal]]:
    async for piece in pieces:
        for some in batched(piece, HASHES_PER_SEARCH):
            yield [each.signal for each in some]


async def judge_takedown(services: Services, list_name: str, signals: Sequence[Signal]) -> Judgement:
    """What a takedown by hash would purge, and block with a list. Without one that blocks, its images are those
    within the usual radius."""
    on = HashList("")
    if list_name:
        found = await services.list_store.get_list(list_name)
        on = found if found.kind is ListKind.BLOCK and found.mode is Mode.ENFORCE else on
    return await judge(services, on, len(signals), in_chunks(signals))


def describe(update: HeldUpdate) -> str:
    """What it asks for, in a few words."""
    if update.values is not None:
        return ", ".join(f"{name} = {json.dumps(value)}" for name, value in update.values.items())
    return counted(update.hashes, "hash", "hashes")
