"""Changes of a list's policy that wait for a second person."""

import json
import time

import pytest
from tests.support.eventually import eventually

from edgeward.errors import LaterRelease, NotFound
from edgeward.lists.held_changes import HeldChange, HeldChanges, HeldChangeWorker
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import HashList, Mode

NOW = time.time()
MONITORED = HashList("a", mode=Mode.MONITOR, radius={"pdq": 20})


def change() -> HeldChange:
    after = HashList("a", mode=Mode.ENFORCE, radius={"pdq": 40, "dhash": 2}, rotations=True)
    return HeldChange.between(MONITORED, after, "ana", NOW, "reviewed")


def test_a_change_holds_what_it_sets_alone() -> None:
    """What another has changed meanwhile stays; what a later release needs is left to it."""
    values = change().values
    assert values == {"mode": "enforce", "radius": {"pdq": 40, "dhash": 2}, "rotations": True}
    described = MONITORED.changed(description="new", protect=True)
    changed = change().applied_to(described)
    assert (changed.mode, changed.description, changed.protect) == (Mode.ENFORCE, "new", True)
    back = HeldChange.between(described, MONITORED, "ana", NOW, "")
    assert back.applied_to(described) == MONITORED
    later = json.dumps({**json.loads(change().to_json()), "needs": 99})
    with pytest.raises(LaterRelease):
        HeldChange.from_json(later)


async def test_an_approved_change_is_made_by_whichever_controller_lives(store: Store) -> None:
    """One that died after the approval has left it on record. One whose list is gone fails."""
    lists, changes = ListStore(store), HeldChanges(store)
    await lists.create_list(MONITORED, "ana")
    made, late = change(), change()
    for each in (made, late):
        await changes.create(each, '{"reasons":[]}')
    assert [held.id for held, _ in await changes.held(9)] == sorted([made.id, late.id])
    assert await changes.job_store.release(made.id, {})
    assert (await changes.get(made.id))[1].state == "approved"
    worker = HeldChangeWorker(changes, lists)
    await worker.start()
    try:

        async def is_done() -> bool:
            return (await changes.get(made.id))[1].version == 2

        await eventually(is_done)
        assert (await lists.get_list("a")).mode is Mode.ENFORCE
        await lists.delete_list("a", "ana")
        assert await changes.job_store.release(late.id, {})

        async def has_failed() -> bool:
            return (await changes.get(late.id))[1].error == "no list is named 'a'"

        await eventually(has_failed)
    finally:
        await worker.close()


async def test_a_decided_change_is_forgotten(store: Store) -> None:
    """Not one that still waits, however old it is."""
    changes, waiting, over = HeldChanges(store), change(), change()
    for each in (waiting, over):
        await changes.create(each, "{}")
    assert await changes.reject(over.id, "rejected by bo")
    assert not await changes.reject(over.id, "rejected by eve")
    assert (await changes.get(over.id))[1].error == "rejected by bo"
    await changes.forget_before(NOW + 1)
    with pytest.raises(NotFound):
        await changes.get(over.id)
    assert [held.id for held, _ in await changes.held(9)] == [waiting.id]
