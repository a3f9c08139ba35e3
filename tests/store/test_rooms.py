"""What every room keeps in the store, on a Sentinel set and on a cluster: no step needs keys of two places at once."""

import asyncio
import time
from dataclasses import replace

import pytest
from tests.store.server import Server
from tests.takedown.conftest import image
from tests.takedown.removals.desk import Desk, asked, open_desk

from edgeward.blocklist.catalogue import Catalogue
from edgeward.control.auth import Tokens
from edgeward.errors import NotFound, StoreUnavailable
from edgeward.store.connection import Store
from edgeward.takedown.incidents import Incidents
from edgeward.takedown.purging.orders import Done
from edgeward.types import Decision, Delivery, Entry, HashList, Incident, Outcome, Reason, Role, Signal, Target

URL = "https://img.test/a/one.jpg"
TARGET = Target("https", "img.test", "/a")
PDQ = Signal("pdq", "0f" * 32, 80)


async def test_a_listing(spread: Store) -> None:
    """What was seen is found by a new entry, ordered out, carried out, and known to be gone."""
    async with open_desk(spread) as desk:
        for number in range(20):  # on every master some
            await desk.see(f"{URL}?{number}", image(str(number), PDQ))
        await desk.catalogue.create_list(HashList("bad"), "tester")
        (change,) = await desk.catalogue.add_entries([Entry("bad", PDQ)], "tester")
        assert await desk.replica.wait_version(change.version, 60)
        async with asyncio.timeout(60):
            while (ids := await desk.retro.orders_of(change.version)) is None:
                await asyncio.sleep(0.01)
        assert len(ids) == 20
        assert await _carried_out(desk) == set(ids)
        assert await desk.orders.wait_done(ids, ["edge"], 60) == {}
        assert len(await desk.sightings.find(url=f"{URL}?7")) == 1
        assert len([each async for each in desk.sightings.images()]) == 20
        await desk.orders.trim(0)
        assert await desk.orders.recent() == []


async def _carried_out(desk: Desk) -> set[str]:
    await desk.orders.ensure_group("edge")
    taken = await desk.orders.take("edge", "c", 100, 500)
    outcomes = [Outcome(order.id, "edge", Delivery.VERIFIED, time.time()) for order in taken]
    await desk.orders.done_many("edge", [Done(outcome.order_id, outcome) for outcome in outcomes])
    return {order.id for order in taken}


async def test_a_takedown(spread: Store) -> None:
    """A takedown is put on record, carried out and forgotten."""
    async with open_desk(spread) as desk:
        seen = await desk.see(URL, image("a"))
        await desk.placer.start()
        takedown, new = await desk.takedowns.create(asked(urls=(seen,), prefixes=(replace(seen, path="/a/"),)))
        assert new
        assert (await desk.finished(takedown.id)).placed_at
        assert len(await desk.takedowns.orders(takedown.id)) >= 2
        await desk.takedowns.forget(takedown.id)
        with pytest.raises(NotFound):
            await desk.takedowns.get(takedown.id)


async def test_tokens_and_incidents(spread: Store) -> None:
    """Tokens are made, known and revoked; incidents are written and read."""
    tokens = Tokens(spread)
    token, text = await tokens.create("ana", Role.OPERATOR)
    assert (await tokens.caller(f"Bearer {text}")).name == "ana"
    assert await tokens.revoke(token.id) == token
    incidents = Incidents(spread)
    blocked = Incident(time.time(), Decision.BLOCK, Reason.MATCH, TARGET, "00", "bad", "e1", "pdq", 0)
    await incidents.add([blocked])
    assert len(await incidents.recent()) == 1


async def test_a_list_read_across_a_restart(server: Server) -> None:
    """A list that was read in part before the server started anew, and in part after it, is not passed off as whole."""
    store = await Store.connect(server.url)
    catalogue = Catalogue(store)
    await catalogue.create_list(HashList("bad"), "tester")
    await catalogue.add_entries([Entry("bad", Signal("sha256", f"{n:064x}")) for n in range(1200)], "tester")
    before = await store.server_of(catalogue.stream)
    with pytest.raises(StoreUnavailable, match="took over"):
        async for _ in catalogue.scan("bad"):
            if await store.server_of(catalogue.stream) == before:
                await server.restart()
    await store.close()
