"""Batches are announced, and replicas say when they are ready."""

import pytest

from edgeward.lists.batches import announcements as module
from edgeward.lists.batches.announcements import (
    Announcements,
    NotPrepared,
    Preparing,
    announced_batches,
    announced_stream,
)
from edgeward.lists.replication.membership import Membership
from edgeward.store.connection import Store
from edgeward.types import Batch

BATCH = Batch("b1", "a", "me", 1.0)


@pytest.fixture
async def announcements(store: Store) -> Announcements:
    """With one live replica, "one"."""
    membership = Membership(store)
    await membership.heartbeat("one", reported=0, applied=0)
    return Announcements(store, membership)


async def test_announcements_are_read_in_order(announcements: Announcements, store: Store) -> None:
    """The latest ones; what can't be read is left out."""
    for number in range(module.MAX_ANNOUNCED + 2):
        await announcements.announce(Batch(f"b{number}", "a", "me", 1.0))
    await store.redis.xadd(announced_stream(store), {"batch": "damaged"}, maxlen=module.MAX_ANNOUNCED)
    found = announced_batches(await store.redis.xrange(announced_stream(store)))
    assert [each.id for each in found][-2:] == [f"b{module.MAX_ANNOUNCED}", f"b{module.MAX_ANNOUNCED + 1}"]
    assert len(found) <= module.MAX_ANNOUNCED
    assert announced_batches(None) == []


async def test_a_replica_that_has_seen_it_is_waited_for(
    announcements: Announcements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is ready, for a limited time; one that never sees it is not waited for long."""
    monkeypatch.setattr(module, "SEEN_SECONDS", 0.0)
    assert await announcements.wait_ready("b1") == ["one"]
    await announcements.note("b1", "one", Preparing.SEEN)
    looks = 0

    async def becomes_ready() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            await announcements.note("b1", "one", Preparing.READY)

    assert await announcements.wait_ready("b1", becomes_ready) == []
    assert looks == 3
    await announcements.forget("b1")
    await announcements.note("b1", "one", Preparing.SEEN)
    await announcements.note("b1", "one", Preparing.FAILED, "the disk is full")
    with pytest.raises(
        NotPrepared, match="one can't get ready for so many entries: the disk is full; nothing was changed"
    ):
        await announcements.wait_ready("b1")
    await announcements.note("b1", "one", Preparing.SEEN)
    monkeypatch.setattr(module, "READY_SECONDS", 0.0)
    assert await announcements.wait_ready("b1") == ["one"]


async def test_who_waits_can_be_stopped(announcements: Announcements) -> None:
    """By what is asked meanwhile: somebody has cancelled the import."""
    await announcements.note("b1", "one", Preparing.SEEN)

    async def cancelled() -> None:
        raise KeyError("cancelled")

    with pytest.raises(KeyError):
        await announcements.wait_ready("b1", cancelled)
