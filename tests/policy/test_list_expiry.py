"""Lists end at their time, by the store's clock, and not because that was set forwards."""

import time

from tests.conftest import STORE_TIMEOUT_MS
from tests.purging.samples import metric_value
from tests.support.eventually import eventually
from tests.support.stepping_store import SteppingStore

from edgeward.lists.list_store import ListStore
from edgeward.policy.list_expiry import WHO, ListExpiry
from edgeward.purging.orders import Orders
from edgeward.store.connection import Store
from edgeward.types import HashList, Mode


async def test_a_list_is_turned_off_once_at_its_end(store: Store) -> None:
    """With a line in the audit trail. Another controller that looks too changes nothing; others lists stay."""
    list_store, now = ListStore(store), store.clock.now()
    kept = [HashList("never"), HashList("later", expires_at=now + 3600), HashList("off", mode=Mode.OFF, expires_at=1.0)]
    for each in (HashList("due", mode=Mode.MONITOR, expires_at=now - 1), *kept):
        await list_store.create_list(each, "ana")
    for expiry in (ListExpiry(Orders(store).clock, list_store) for _ in range(2)):
        await expiry.turn_off_ended()
    (change,) = await list_store.changes(4)
    assert change.list
    assert (change.list.name, change.list.mode, change.who) == ("due", Mode.OFF, WHO)
    assert change.list.expires_at == now - 1
    assert {each.name: each for each in await list_store.lists() if each.name != "due"} == {
        each.name: each for each in kept
    }


async def test_the_time_that_a_list_has_left_is_shown(store: Store) -> None:
    """As a metric; 0 once it has ended, is turned off, or no longer ends."""
    list_store, now = ListStore(store), store.clock.now()
    await list_store.create_list(HashList("shown", expires_at=now + 3600), "ana")
    expiry = ListExpiry(Orders(store).clock, list_store)
    await expiry.turn_off_ended()
    assert metric_value("edgeward_list_expires_timestamp_seconds", list="shown") == now + 3600
    await list_store.set_list(HashList("shown"), "ana")
    await expiry.turn_off_ended()
    assert metric_value("edgeward_list_expires_timestamp_seconds", list="shown") == 0.0


async def test_it_looks_by_itself(store: Store) -> None:
    """While a controller runs, no more than a second or so after the end."""
    list_store = ListStore(store)
    await list_store.create_list(HashList("due", expires_at=store.clock.now() + 0.2), "ana")
    expiry = ListExpiry(Orders(store).clock, list_store)
    await expiry.start()

    async def is_off() -> bool:
        return (await list_store.get_list("due")).mode is Mode.OFF

    await eventually(is_off)
    await expiry.close()


async def test_a_clock_that_is_set_forwards_ends_no_list(stepping: SteppingStore) -> None:
    """Not before it is trusted again, a day later."""
    store = await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS)
    list_store = ListStore(store)
    expiry = ListExpiry(Orders(store).clock, list_store)
    await list_store.create_list(HashList("month", expires_at=store.clock.now() + 30 * 86400), "ana")
    await expiry._clock.look()
    await stepping.step_and_wait(store, 40 * 86400.0)
    store.clock._wall_clock = lambda: time.time() + 40 * 86400
    await expiry._clock.look()
    await expiry.turn_off_ended()
    assert (await list_store.get_list("month")).mode is Mode.ENFORCE
    await store.redis.hdel(store.key("{purges}", "clock"), "stepped")
    await expiry.turn_off_ended()
    assert (await list_store.get_list("month")).mode is Mode.OFF
    await store.close()
