"""Purges of targets that nobody could judge, within an allowance."""

from types import SimpleNamespace

import pytest
from tests.proxy.conftest import Worker
from tests.proxy.unjudged import purged, unjudged
from tests.support.eventually import eventually
from tests.support.real_caches import target

from edgeward.proxy import purge_allowance, unjudged_purges
from edgeward.proxy.purge_allowance import ORDERS_PER_HOST
from edgeward.proxy.unjudged_purges import UnjudgedPurges
from edgeward.purging import order_room
from edgeward.purging.orders import Orders
from edgeward.types import Target


async def test_those_that_nobody_answered_have_an_allowance_of_their_own(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They carry a mark. More than that are not ordered, which the caller is told; the others go on."""
    monkeypatch.setattr(unjudged_purges, "UNANSWERED_PER_HOST", 2)
    closed: list[int] = []
    purges = UnjudgedPurges(unjudged(worker)._recorder, closed.extend)
    assert [purges.order_unanswered(target(f"/{number}"), [number]) for number in range(3)] == [True, True, False]
    assert closed == [0, 1]
    purges.order(target("/4"), [4])
    assert (closed, purges.excess) == ([0, 1, 4], {})

    async def ordered() -> bool:
        return len(await purged(worker)) == 3

    await eventually(ordered)
    orders = [order for order, _ in await Orders(worker.store).recent()]
    assert sorted((order.target.path, order.unanswered) for order in orders) == [
        ("/0", True),
        ("/1", True),
        ("/4", False),
    ]


async def test_what_exceeds_the_allowance_is_ordered_later(worker: Worker) -> None:
    """One after another, as soon as the period is over."""
    closed: list[int] = []
    purges = UnjudgedPurges(unjudged(worker)._recorder, closed.extend)
    for number in range(ORDERS_PER_HOST + 2):
        purges.order(target(f"/{number}"), [number])
    assert len(closed) == ORDERS_PER_HOST
    purges.order_excess()
    assert len(closed) == ORDERS_PER_HOST
    purges._allowance._ends_at = 0.0
    purges.order_excess()
    assert (len(closed), purges.excess) == (ORDERS_PER_HOST + 2, {})


async def test_an_order_that_is_waited_for_does_for_one_that_is_not(worker: Worker) -> None:
    """And not the other way round: a mark must not hide a copy that may be there."""
    recorder = unjudged(worker)._recorder
    for unanswered in (True, False, True):
        assert recorder.order_unjudged_purge(target("/a"), unanswered=unanswered)

    async def ordered() -> bool:
        return len(await purged(worker)) == 2

    await eventually(ordered)
    assert {order.unanswered for order, _ in await Orders(worker.store).recent()} == {True, False}


async def test_without_room_they_wait(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the store or at a cache: those that nobody answered are not taken, the others are ordered as soon as there is
    room. Whoever asks has the room looked at again."""
    monkeypatch.setattr(order_room, "MAX_OWED", 0)
    monkeypatch.setattr(order_room, "CHECK_SECONDS", 0.01)
    recorder, closed = unjudged(worker)._recorder, list[int]()
    purges = UnjudgedPurges(recorder, closed.extend)
    await eventually(lambda: not recorder.has_room_for_unjudged)
    purges.order(target("/1"), [1])
    assert not purges.order_unanswered(target("/2"), [2])
    purges.order_excess()
    assert closed == []
    monkeypatch.setattr(order_room, "MAX_OWED", 5_000)
    await eventually(lambda: recorder.has_room_for_unjudged)
    purges.order_excess()
    assert closed == [1]


async def test_what_waits_is_bounded_by_its_bytes(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host with the most is purged as a whole; those of others go on waiting, and then go in turns."""
    monkeypatch.setattr(purge_allowance, "ORDERS", 0)
    monkeypatch.setattr(unjudged_purges, "MAX_EXCESS_BYTES", 20_000)
    closed: list[int] = []
    purges = UnjudgedPurges(unjudged(worker)._recorder, closed.extend)
    for number in range(3):
        purges.order(target(f"/{number}"), [number])
    for number in range(10, 20):
        purges.order(Target("http", "long.test", f"/{number}" + "x" * 2_000), [number])
    assert closed == [10, 11, 12, 13, 14, 15, 16]
    assert {host: len(waiting) for host, waiting in purges.excess.items()} == {"img.test": 3, "long.test": 3}
    monkeypatch.setattr(purge_allowance, "ORDERS", 4)
    purges.order_excess()
    assert closed[7:] == [0, 17, 1, 18]
    monkeypatch.setattr(purge_allowance, "ORDERS", 6)
    purges.order_excess()
    assert (closed[11:], purges.excess, purges._count, purges._all_bytes) == ([2, 19], {}, 0, 0)


async def test_one_client_loses_nothing(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It breaks off 50 requests a second for a minute: each is purged, and no host is forgotten."""
    recorder, now = unjudged(worker)._recorder, [1000.0]
    monkeypatch.setattr(purge_allowance, "time", SimpleNamespace(monotonic=lambda: now[0]))
    closed: list[int] = []
    purges = UnjudgedPurges(recorder, closed.extend)
    for number in range(3000):
        purges.order(target(f"/{number}"), [number])
        now[0] += 1 / 50
    assert (len(closed), purges.excess) == (3000, {})
    assert recorder._lost.buffer.mark == 0


async def test_no_client_waits_behind_another(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What exceeds the share of one waits; those of others are ordered at once."""
    monkeypatch.setattr(purge_allowance, "ORDERS_PER_CLIENT", 2)
    closed: list[int] = []
    purges = UnjudgedPurges(unjudged(worker)._recorder, closed.extend)
    for number in range(4):
        purges.order(target(f"/{number}"), [number], "one")
    purges.order(target("/4"), [4], "two")
    assert closed == [0, 1, 4]
    purges._allowance._ends_at = 0.0
    purges.order_excess()
    assert (closed, purges.excess, purges._sources) == ([0, 1, 4, 2, 3], {}, {})
