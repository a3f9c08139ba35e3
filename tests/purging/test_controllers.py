"""What controllers know of each other's settings, and what they then say of purges."""

from tests.purging.samples import plain_order
from tests.purging.scripted import ScriptedCache, cache

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


async def test_one_that_died(store: Store) -> None:
    """It counts no longer after LIVE_SECONDS; after an hour nothing of it is on record."""
    one, two = Controllers(store), Controllers(store)
    await two.say("two", THERE)
    key, settings = store.key("{purges}", "controllers"), store.key("{purges}", "controller-settings")
    for age, left in ((LIVE_SECONDS + 1, 2), (KEPT_SECONDS + 1, 1)):
        digest = (await store.redis.hget(key, "two")).split()[1]
        await store.redis.hset(key, "two", b"%.3f %s" % (store.clock.now() - age, digest))
        await one.say("one", HERE)
        assert one.differing == []
        assert await store.redis.hlen(key) == await store.redis.hlen(settings) == left


async def test_two_of_one_name(store: Store) -> None:
    """Two machines with equal host names and ports know of each other: what differs, and that the other's caches are
    not left alone when one ends. One that was restarted is no second one."""
    one, two = Controllers(store), Controllers(store)
    await one.say("edge:8081", HERE)
    restarted = Controllers(store)
    await restarted.say("edge:8081", HERE)
    await restarted.say("edge:8081", HERE)
    assert not restarted.shares_name
    await two.say("edge:8081", THERE)
    await one.say("edge:8081", HERE)
    await two.say("edge:8081", THERE)
    for each in (one, two):
        assert each.shares_name
        assert each.differing_caches().keys() == {"edge"}
    assert one.caches_elsewhere == {"edge", "second"}
    await one.leave("edge:8081")
    await two.say("edge:8081", THERE)
    assert two.shares_name, "its record was removed by the one that ended, not by the time"


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
