"""Everything works on a Sentinel set and on a cluster: no command needs keys of two hash slots."""

import time
from dataclasses import replace

import pytest
from tests.store.server import Server
from tests.support.eventually import eventually
from tests.support.real_caches import image
from tests.takedowns.controller import Controller, make_takedown, open_controller

from edgeward.access.tokens import Tokens
from edgeward.errors import NotFound, StoreUnavailable
from edgeward.incidents import Incidents
from edgeward.lists.list_store import ListStore
from edgeward.purging.orders import PurgeResult
from edgeward.store.connection import Store
from edgeward.types import Decision, Delivery, Entry, HashList, Incident, Outcome, Reason, Role, Scope, Signal, Target

URL = "https://img.test/a/one.jpg"
TARGET = Target("https", "img.test", "/a")
PDQ = Signal("pdq", "0f" * 32, 80)


async def test_a_listing(spread: Store) -> None:
    """Sightings are found by a new entry, purges are ordered and carried out, and that is on record."""
    async with open_controller(spread) as controller:
        for number in range(20):  # some on every master
            await controller.see(f"{URL}?{number}", image(str(number), PDQ))
        await controller.list_store.create_list(HashList("bad"), "tester")
        (change,) = await controller.list_store.add_entries([Entry("bad", PDQ)], "tester")
        assert await controller.replica.wait_version(change.version, 60)

        async def matched() -> bool:
            return await controller.retromatch.orders_of(change.version) is not None

        await eventually(matched)
        ids = await controller.retromatch.orders_of(change.version) or []
        assert len(ids) == 20
        assert await _carried_out(controller) == set(ids)
        assert await controller.orders.wait_done(ids, ["edge"], 60) == {}
        assert len(await controller.sightings.find(url=f"{URL}?7")) == 1
        assert len([each async for each in controller.sightings.images()]) == 20
        await controller.orders.trim(0)
        assert await controller.orders.recent() == []


async def test_forgotten_targets(spread: Store) -> None:
    """Targets are forgotten, remembered, purged by prefix at a listing, and shared by two entries."""
    async with open_controller(spread) as controller:
        seen = image("a", PDQ)
        for number in range(3):
            await controller.see(f"{URL}?{number}", seen)
        assert (await controller.sightings.memory.use()).used > 0
        assert sum([number async for number in controller.sightings.pruning.forget_share(0.1)]) == 1
        await controller.sightings.forgotten.remember_lost({TARGET: 2})
        await controller.list_store.create_list(HashList("bad"), "tester")
        entries = [Entry("bad", PDQ), Entry("bad", seen.signals[0])]
        *_, change = await controller.list_store.add_entries(entries, "tester")
        assert await controller.replica.wait_version(change.version, 60)

        async def matched() -> bool:
            return await controller.retromatch.orders_of(change.version) is not None

        await eventually(matched)
        ids = await controller.orders.ids_of_entries([entry.id for entry in entries])
        orders = [order for order, _ in await controller.orders.get_many(ids)]
        found = {(order.scope, order.target.path, order.forgotten) for order in orders}
        assert {(Scope.PREFIX, "/a/one.jpg", 1), (Scope.PREFIX, "/", 2)} < found


async def _carried_out(controller: Controller) -> set[str]:
    await controller.orders.ensure_group("edge")
    taken = await controller.orders.take("edge", "c", 100, 500)
    outcomes = [Outcome(order.id, "edge", Delivery.VERIFIED, time.time()) for order in taken]
    await controller.orders.record_results("edge", [PurgeResult(outcome.order_id, outcome) for outcome in outcomes])
    return {order.id for order in taken}


async def test_a_takedown(spread: Store) -> None:
    """A takedown is recorded, carried out and forgotten."""
    async with open_controller(spread) as controller:
        seen = await controller.see(URL, image("a"))
        await controller.takedown_worker.start()
        takedown, new = await controller.takedowns.create(
            make_takedown(urls=(seen,), prefixes=(replace(seen, path="/a/"),))
        )
        assert new
        assert (await controller.finished(takedown.id)).placed_at
        assert len(await controller.takedowns.orders(takedown.id)) >= 2
        await controller.takedowns.forget(takedown.id)
        with pytest.raises(NotFound):
            await controller.takedowns.get(takedown.id)


async def test_tokens_and_incidents(spread: Store) -> None:
    """Tokens are created, accepted and revoked; incidents are written and read."""
    tokens = Tokens(spread)
    token, text = await tokens.create("ana", Role.OPERATOR)
    assert (await tokens.caller(text)).name == "ana"
    assert await tokens.revoke(token.id) == token
    incidents = Incidents(spread)
    blocked = Incident(time.time(), Decision.BLOCK, Reason.MATCH, TARGET, "00", "bad", "e1", "pdq", 0)
    await incidents.add([blocked])
    assert len(await incidents.recent()) == 1


async def test_a_list_read_across_a_restart(server: Server) -> None:
    """A list read partly before and partly after a restart of the server is not reported as complete."""
    store = await Store.connect(server.url)
    list_store = ListStore(store)
    await list_store.create_list(HashList("bad"), "tester")
    await list_store.add_entries([Entry("bad", Signal("sha256", f"{n:064x}")) for n in range(1200)], "tester")
    before = await store.server_id_of(list_store.stream)
    with pytest.raises(StoreUnavailable, match="took over"):
        async for _ in list_store.scan("bad"):
            if await store.server_id_of(list_store.stream) == before:
                await server.restart()
    await store.close()
