"""Purges of targets that nobody could judge, within an allowance."""

import pytest
from tests.proxy.conftest import Worker
from tests.proxy.unjudged import purged, unjudged
from tests.support.eventually import eventually
from tests.support.real_caches import target

from edgeward.proxy import unjudged_purges
from edgeward.proxy.purge_allowance import ORDERS_PER_HOST
from edgeward.proxy.unjudged_purges import UnjudgedPurges
from edgeward.purging.orders import Orders


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
