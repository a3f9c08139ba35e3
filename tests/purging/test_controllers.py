"""What controllers know of each other's settings, and what they then say of purges."""

import pytest
from tests.conftest import STORE_TIMEOUT_MS
from tests.purging.samples import plain_order
from tests.purging.scripted import ScriptedCache, cache
from tests.support.stepping_store import SteppingStore

from edgeward.purging import controllers as module
from edgeward.purging.controllers import KEPT_SECONDS, LIVE_SECONDS, Controllers
from edgeward.purging.orders import Orders
from edgeward.purging.purger import Purger
from edgeward.settings.config import PurgeSettings
from edgeward.store.connection import Store
from edgeward.types import Delivery
from edgeward.types.accepted_purges import ANOTHER_CACHE

HERE = {"caches.edge.url": '"http://a"', "caches.edge.driver": '"varnish"', "sightings.keep_days": "30.0"}
THERE = {**HERE, "caches.edge.url": '"http://b"', "caches.second.driver": '"nginx"'}


async def test_what_differs_is_known_to_both(store: Store) -> None:
    """With both values and both names, as long as both live. A third that agrees with one changes nothing."""
    one, two = Controllers(store), Controllers(store)
    await one.say("one", HERE)
    assert (one.differing, one.caches_elsewhere) == ([], frozenset())
    await two.say("two", THERE)
    await one.say("one", HERE)
    for each in (one, two):
        (found,) = each.differing
        assert found.values == {"one": '"http://a"', "two": '"http://b"'}
        assert each.differing_caches() == {"edge": str(found)}
    assert one.caches_elsewhere == {"edge", "second"}
    await two.leave("two")
    await one.say("one", HERE)
    assert (one.differing, one.caches_elsewhere) == ([], frozenset())


async def age(store: Store, name: str, seconds: float) -> None:
    """As if the controller had said nothing for so long."""
    key = store.key("{purges}", "controllers")
    at, digest = (await store.redis.hget(key, name)).split()
    await store.redis.hset(key, name, b"%.6f %s" % (float(at) - seconds, digest))


async def test_one_that_is_silent(store: Store) -> None:
    """Its settings count on, as its worker may still serve from another cache, until an operator says that it serves
    nothing, or for KEPT_SECONDS. That it has a cache counts for LIVE_SECONDS."""
    one, two = Controllers(store), Controllers(store)
    for forgotten in (False, True):
        await two.say("edge2:8081#0", THERE)
        await age(store, "edge2:8081#0", LIVE_SECONDS + 1)
        await one.say("edge1:8081#0", HERE)
        (found,) = one.differing
        assert found.values == {"edge1:8081": '"http://a"', "edge2:8081 (not heard from)": '"http://b"'}
        assert one.caches_elsewhere == frozenset()
        if forgotten:
            await one.forget_silent("edge1")
            await one.say("edge1:8081#0", HERE)
            assert one.differing
            await one.forget_silent("edge2")
        else:
            await age(store, "edge2:8081#0", KEPT_SECONDS)
        await one.say("edge1:8081#0", HERE)
        assert one.differing == []
        assert await store.redis.hlen(store.key("{purges}", "controller-settings")) == 1


@pytest.mark.parametrize("step", [7200.0, -7200.0, 40 * 86400.0])
async def test_a_step_of_the_stores_clock(stepping: SteppingStore, step: float) -> None:
    """It hides no controller from another, not for a moment."""
    store = await Store.connect(stepping.url, f"step{step}", STORE_TIMEOUT_MS)
    one, two = Controllers(store), Controllers(store)
    await one.say("one", HERE)
    await two.say("two", THERE)
    await stepping.step_and_wait(store, step)
    await one.say("one", HERE)
    assert one.differing_caches().keys() == {"edge"}
    await two.say("two", THERE)
    assert two.differing_caches().keys() == {"edge"}
    await store.close()


async def test_several_of_one_name(store: Store) -> None:
    """Machines with equal host names and ports know of each other, however many, and in whatever turn they look: what
    differs, and which caches are not left alone when one ends. One that is restarted is no second one."""
    three = {f"edge:8081#{number}": Controllers(store) for number in range(3)}
    settings = dict(zip(three, (HERE, THERE, THERE), strict=True))
    restarted = Controllers(store)
    for _ in range(3):
        await restarted.say("edge:8081#0", HERE)
        assert not restarted.shares_name
    for _ in range(3):
        for name, each in three.items():
            await each.say(name, settings[name])
    for each in three.values():
        assert each.shares_name
        assert each.differing_caches().keys() == {"edge"}
        (found,) = each.differing
        assert found.values == {name: known["caches.edge.url"] for name, known in settings.items()}
        assert "second" in each.caches_elsewhere
    await three["edge:8081#0"].leave("edge:8081#0")
    await three["edge:8081#1"].say("edge:8081#1", THERE)
    assert (three["edge:8081#1"].differing, three["edge:8081#1"].shares_name) == ([], True)
    await three["edge:8081#2"].leave("edge:8081#2")
    await three["edge:8081#1"].say("edge:8081#1", THERE)
    assert not three["edge:8081#1"].shares_name


async def test_one_that_was_moved(store: Store) -> None:
    """One that was killed and started at another place, as after a crash of its machine, is no second controller of its
    name. Its settings count until it is certainly gone, for its successor and for others."""
    before, after, other = Controllers(store), Controllers(store), Controllers(store)
    await before.say("edge:8081#0", THERE)
    for _ in range(3):
        await after.say("edge:8081#1", HERE)
        await other.say("other:8081#0", HERE)
        assert not after.shares_name
        assert after.differing_caches().keys() == other.differing_caches().keys() == {"edge"}
    await age(store, "edge:8081#0", LIVE_SECONDS + 1)
    await after.say("edge:8081#1", HERE)
    await other.say("other:8081#0", HERE)
    assert after.differing == other.differing == []


async def test_a_second_one_that_is_silent(store: Store) -> None:
    """Both lived at the same time, so neither took the other's place: its settings count on."""
    one, two, other = Controllers(store), Controllers(store), Controllers(store)
    for _ in range(2):
        await two.say("edge:8081#2", THERE)
        await one.say("edge:8081#1", HERE)
        await other.say("other:8081#0", HERE)
    await age(store, "edge:8081#2", LIVE_SECONDS + 1)
    for name, each in (("edge:8081#1", one), ("other:8081#0", other)):
        await each.say(name, HERE)
        (found,) = each.differing
        assert "edge:8081#2 (not heard from)" in found.values


async def test_a_restart_and_a_loss(store: Store) -> None:
    """What a controller had before is known to its successor; after a loss of the store all is said again."""
    one = Controllers(store)
    await one.say("one", THERE)
    assert await Controllers(store).caches_before("one") == {"edge", "second"}
    assert await Controllers(store).caches_before("new") == set()
    await store.redis.delete(store.key("{purges}", "controllers"), store.key("{purges}", "controller-settings"))
    await one.say("one", THERE)
    assert await Controllers(store).caches_before("one") == {"edge", "second"}


async def test_what_one_of_two_caches_verified_is_not_verified(store: Store) -> None:
    """While controllers have different URLs for one name: the order may have reached one of two caches only."""
    orders = Orders(store)
    purger = Purger(orders, cache(), ScriptedCache(), PurgeSettings(repeat_seconds=()), consumer="one")
    await orders.controllers.say("one", HERE)
    await Controllers(store).say("two", THERE)
    await orders.controllers.say("one", HERE)
    await purger.start()
    try:
        for delivery, detail in ((Delivery.DELIVERED, ANOTHER_CACHE), (Delivery.VERIFIED, "")):
            (order_id,) = await orders.place([plain_order("/a")])
            assert await orders.wait_done([order_id], ["edge"], 60) == {}
            outcome = (await orders.get(order_id))[1]["edge"]
            assert (outcome.delivery, outcome.detail) == (delivery, detail)
            await Controllers(store).leave("two")
            await orders.controllers.say("one", HERE)
    finally:
        await purger.close()


async def test_few_settings_are_remembered(store: Store) -> None:
    """However many controllers have been there."""
    one = Controllers(store)
    for number in range(110):
        await one.say("one", {"sightings.keep_days": str(number)})
        await one.caches_before("one")
    assert len(one._known) <= 101
    assert await store.redis.hlen(store.key("{purges}", "controller-settings")) == 1
    assert module.LIVE_SECONDS == LIVE_SECONDS
