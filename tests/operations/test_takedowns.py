"""Takedowns: recorded once, and waited for."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.support.eventually import eventually
from tests.support.services import carry_out

from edgeward import metrics
from edgeward.errors import Conflict, InvalidValue, NotFound
from edgeward.operations import lists, takedown_summary, takedowns
from edgeward.operations.order_totals import ReceiptState
from edgeward.operations.services import Services
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.purging.orders import PurgeResult
from edgeward.types import Delivery, HashList, Outcome, PurgeOrder, Signal, Target

URL = Target("http", "photos.example", "/a.jpg")
OTHER = Target("http", "photos.example", "/b.jpg")


ANA = Requester("ana", "api")
ANA_AGAIN = Requester("ana", "api", key="k")
MD5 = Signal("md5", "9" * 32)


def _asked(*urls: Target) -> TakedownRequest:
    return TakedownRequest(urls or (URL,), why="case 9")


def _counted() -> float:
    return metrics.registry.get_sample_value("edgeward_takedowns_total", {"way": "api"}) or 0.0


async def test_a_takedown_is_placed_when_it_returns(services: Services) -> None:
    """With an id, the version of the lists, its orders in both schemes, and what each cache owes of them."""
    result = await takedowns.create(services, _asked(), ANA)
    takedown = result.status.takedown
    assert takedown.id.startswith("td-")
    assert (takedown.version, takedown.why, takedown.by, takedown.way) == (0, "case 9", "ana", "api")
    assert (result.status.state, result.status.progress.orders, len(result.order_ids)) == ("placed", 2, 2)
    assert (result.purge.orders, result.purge.matched) == (2, True)
    assert result.purge.owed == {"inner": 2, "outer": 2}
    (recent,) = await takedowns.recent(services, 10)
    assert (recent.takedown, recent.progress) == (takedown, result.status.progress)
    assert recent.summary is not None
    assert recent.summary.orders.state is ReceiptState.PURGING


async def test_the_orders_of_a_finished_takedown_are_read_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once all is done and no repeat can change it. If a cache is added, it owes them, and they are read again."""
    await takedowns.create(services, _asked(), ANA)
    await carry_out(services)
    reads: list[str] = []
    get_many = services.orders.get_many

    async def counted(ids: Sequence[str]) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        reads.extend(ids)
        return await get_many(ids)

    monkeypatch.setattr(services.orders, "get_many", counted)
    repeated = [(await takedowns.recent(services, 10))[0].summary for _ in range(2)]
    assert len(reads) == 4
    monkeypatch.setattr(takedown_summary, "REPEAT_MARGIN_SECONDS", -3600.0)
    (final,) = await takedowns.recent(services, 10)
    (kept,) = await takedowns.recent(services, 10)
    assert len(reads) == 6
    assert (kept.summary, kept.steps) == (final.summary, final.steps)
    for summary in (*repeated, kept.summary):
        assert summary is not None
        assert (summary.orders.state, summary.unmatched) == (ReceiptState.NOTHING, [URL.url])
    monkeypatch.setattr(Services, "caches", property(lambda _: ["inner", "outer", "new"]))
    (changed,) = await takedowns.recent(services, 10)
    assert changed.summary is not None
    assert (changed.summary.orders.state, len(reads)) == (ReceiptState.PURGING, 8)


async def test_a_new_run_of_an_order_changes_a_finished_takedown(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache of a name that was written off runs its orders again, and removes a copy: the takedown says so."""
    monkeypatch.setattr(takedown_summary, "REPEAT_MARGIN_SECONDS", -3600.0)
    await takedowns.create(services, _asked(), ANA)
    await carry_out(services)
    await takedowns.recent(services, 10)
    await services.orders.nodes.forget("inner")
    await services.orders.ensure_group("inner")
    again = await services.orders.take("inner", "tests", 100, 1)
    found = [Outcome(order.id, "inner", Delivery.VERIFIED, order.started_at + 9, removed=1) for order in again]
    await services.orders.record_results("inner", [PurgeResult(each.order_id, each) for each in found])
    (status,) = await takedowns.recent(services, 10)
    assert status.summary is not None
    assert (status.summary.orders.state, status.summary.unmatched) == (ReceiptState.GONE, [])


async def test_the_orders_of_a_takedown_with_a_list_are_read_each_time(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its listing may lead to more orders at any time, so it is never final."""
    monkeypatch.setattr(takedown_summary, "REPEAT_MARGIN_SECONDS", -3600.0)
    await lists.create(services, HashList("court"), "ana", "")
    asked = TakedownRequest(urls=(URL,), signals=(MD5,), list="court")
    assert (await takedowns.create(services, asked, ANA)).status.progress.placed_at
    await carry_out(services)
    for _ in range(2):
        (status,) = await takedowns.recent(services, 10)
        assert status.summary is not None
        assert (status.summary.orders.state, status.progress.summary) == (ReceiptState.NOTHING, "")


async def test_with_a_timeout_the_caches_are_waited_for(services: Services) -> None:
    """It returns as soon as all have carried the orders out."""
    waiting = asyncio.create_task(takedowns.create(services, _asked(), ANA, timeout=60.0))

    async def is_answered() -> bool:
        await carry_out(services)
        return waiting.done()

    await eventually(is_answered, "the answer")
    assert (await waiting).purge.owed == {}


async def test_the_same_key_is_the_same_takedown(services: Services) -> None:
    """It is counted once; for something else the key is refused."""
    before = _counted()
    first = await takedowns.create(services, _asked(), ANA_AGAIN)
    again = await takedowns.create(services, _asked(), ANA_AGAIN)
    assert first.status.takedown == again.status.takedown
    assert _counted() == before + 1
    with pytest.raises(Conflict, match=first.status.takedown.id):
        await takedowns.create(services, _asked(OTHER), ANA_AGAIN)


async def test_the_ids_of_orders_are_limited(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers are of all of them."""
    monkeypatch.setattr(takedowns, "MAX_ORDER_IDS", 3)
    result = await takedowns.create(services, _asked(URL, OTHER), ANA)
    assert (len(result.order_ids), result.purge.orders) == (3, 4)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (TakedownRequest(), InvalidValue),
        (TakedownRequest(why="x"), InvalidValue),
        (TakedownRequest(urls=(URL,), list="a"), InvalidValue),
        (TakedownRequest(signals=(MD5,), list="none-such"), NotFound),
    ],
)
async def test_what_can_not_be_done_is_not_recorded(
    services: Services, asked: TakedownRequest, error: type[Exception]
) -> None:
    """Nothing at all, URLs for a list, or a list that does not exist."""
    with pytest.raises(error):
        await takedowns.create(services, asked, ANA)
    assert await takedowns.recent(services, 10) == []
