"""Caches that only the store knows: they owe what they owed, until they are written off."""

import pytest
from tests.support.services import carry_out

from edgeward.errors import Conflict, NotFound
from edgeward.operations import caches, purges, takedowns
from edgeward.operations.caches import Configured
from edgeward.operations.order_totals import ReceiptState, add_up
from edgeward.operations.services import Services
from edgeward.operations.statements import statement
from edgeward.operations.status import system_status
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.sightings.url_normalization import target_of
from edgeward.types import Cause, Delivery, PurgeOrder

URL = target_of("http://photos.example/a.jpg")


async def take_out(services: Services, name: str = "second") -> None:
    """A cache that a controller had, which ended two minutes ago."""
    await services.orders.ensure_group(name)
    nodes = services.store.key("{purges}", "nodes")
    await services.store.redis.hset(nodes, name, f"{services.store.clock.now() - 120:.3f}")


async def place(services: Services) -> str:
    (order_id,) = await services.orders.place([PurgeOrder(URL, Cause.MANUAL, services.store.clock.now())])
    return order_id


async def test_a_cache_that_was_taken_out_owes(services: Services) -> None:
    """The state is owed, at once; the sentence names it and says what to do."""
    await take_out(services)
    order_id = await place(services)
    await carry_out(services)
    summary = (await add_up(services, [order_id])).summary(complete=True)
    assert (summary.state, summary.owed, summary.absent) == (ReceiptState.OWED, {"second": 1}, ["second"])
    assert "second owes 1 purge, and no live controller has it in [[caches]]" in statement(summary)
    assert "goes on trying" not in statement(summary)
    assert (await purges.get(services, order_id)).owed == ["second"]
    (shown,) = [each for each in (await system_status(services)).caches if each.name == "second"]
    assert (shown.configured, shown.pending) == (Configured.NOWHERE, 1)
    await carry_out(services, cache="second")
    assert (await add_up(services, [order_id])).summary(complete=True).state is ReceiptState.GONE


async def test_a_cache_of_another_controller_is_waited_for(services: Services) -> None:
    """It is not missing: that controller will carry the order out."""
    await services.orders.ensure_group("second")
    order_id = await place(services)
    await carry_out(services)
    assert await caches.carried_out_by(services) == ["inner", "outer", "second"]
    summary = (await add_up(services, [order_id])).summary(complete=True)
    assert (summary.state, summary.absent) == (ReceiptState.PURGING, [])
    assert [each.configured for each in await caches.index(services)] == ["here", "here", "elsewhere"]


async def test_a_cache_is_written_off(services: Services) -> None:
    """With a line in the audit trail. Nothing of it is owed any more, and nothing of it is left in the store."""
    await take_out(services)
    order_id = await place(services)
    await carry_out(services)
    found = await caches.forget(services, "second", "ana", "sold")
    assert found and found.pending == 1
    assert (await add_up(services, [order_id])).summary(complete=True).state is ReceiptState.GONE
    assert [each.name for each in await caches.index(services)] == ["inner", "outer"]
    (line,) = await services.audit_trail.latest(1)
    assert (line.op, line.who, line.why, line.about["cache"]) == (caches.FORGET, "ana", "sold", "second")
    assert await services.store.redis.keys(services.store.key("*second*")) == []
    assert await caches.forget(services, "second", "ana", "") is None


async def test_a_cache_in_use_is_not_written_off(services: Services) -> None:
    """Neither here nor by another controller."""
    await services.orders.ensure_group("second")
    for name, where in (("inner", ""), ("second", " of another controller")):
        with pytest.raises(Conflict, match=rf"^cache {name} is in \[\[caches\]\]{where}: remove it there first"):
            await caches.forget(services, name, "ana", "")
    assert len(await caches.index(services)) == 3


async def test_a_takedown_is_not_gone_meanwhile(services: Services) -> None:
    """Nor is it in the list of takedowns; once the cache is written off it is."""
    await take_out(services)
    request = TakedownRequest(urls=(URL,))
    made = await takedowns.create(services, request, Requester("ana", "api"))
    await carry_out(services)
    for _ in range(2):
        status, _ = await takedowns.get(services, made.status.takedown.id)
        assert status.summary and status.summary.orders.state is ReceiptState.OWED
        (recent,) = await takedowns.recent(services, 1)
        assert recent.summary and list(recent.summary.orders.owed) == ["second"]
    await caches.forget(services, "second", "ana", "")
    (recent,) = await takedowns.recent(services, 1)
    assert recent.summary and not recent.summary.orders.owed


async def test_it_is_told_while_others_are_still_purging(services: Services) -> None:
    """Of them alone more is to be expected."""
    await take_out(services)
    summary = (await add_up(services, [await place(services)])).summary(complete=True)
    assert summary.state is ReceiptState.PURGING
    said = statement(summary)
    owed = "inner owes 1 purge, outer owes 1 purge; second owes 1 purge, and no live controller has"
    assert f"not gone yet: {owed}" in said


async def test_what_it_refused_is_not_said_to_be_retried(services: Services) -> None:
    """Nobody retries it: the sentence names what to do, and a command that would try it again says so."""
    await take_out(services)
    order_id = await place(services)
    await carry_out(services)
    await carry_out(services, Delivery.REFUSED, cache="second")
    summary = (await add_up(services, [order_id])).summary(complete=True)
    assert (summary.state, summary.absent) == (ReceiptState.REFUSED, ["second"])
    assert "second has refused 1 purge, and no live controller has it in [[caches]]" in statement(summary)
    assert "retried" not in statement(summary)
    assert (await purges.get(services, order_id)).absent == ["second"]
    with pytest.raises(NotFound, match="edgeward caches forget second"):
        await purges.retry(services, "second", "ana", "")
    await services.orders.ensure_group("second")
    with pytest.raises(NotFound, match="of another controller"):
        await purges.retry(services, "second", "ana", "")
