"""Orders that several entries led to, in a real Redis."""

from tests.purging.samples import order

from edgeward.purging.orders import Orders
from edgeward.purging.shared_orders import SharedOrders
from edgeward.store.connection import Store


async def test_each_entry_has_the_orders_that_it_shares(store: Store) -> None:
    """Beside those that name it, in the order in which they were placed; others have none of them."""
    orders = Orders(store)
    own = await orders.place([order("/own")])
    first, second = await orders.place([order("/a"), order("/b")]), await orders.place([order("/c")])
    await orders.shared.share(first, ["e2", "e3"])
    await orders.shared.share(second, ["e3"])
    assert await orders.ids_of_entries(["e1"]) == [*own, *first, *second]
    assert await orders.ids_of_entries(["e2"]) == first
    assert await orders.ids_of_entries(["e3"]) == [*first, *second]
    assert await orders.ids_of_entries(["e2", "e3"]) == [*first, *second]
    assert await orders.ids_of_entries(["e4"]) == await orders.ids_of_entries([]) == []


async def test_many_small_groups(store: Store) -> None:
    """Each entry has the orders of its own groups alone, more than one command takes; empty groups are left out."""
    shared = SharedOrders(store)
    groups = [([f"{number}-0", f"{number}-1"], [f"e{number}", "all"]) for number in range(600)]
    await shared.share_each([*groups, ([], ["e1"]), (["9-9"], [])])
    assert await shared.of_entries(["e1"]) == {"1-0", "1-1"}
    assert len(await shared.of_entries(["all"])) == 1200
    assert await shared.of_entries(["9-9"]) == set()


async def test_many_entries_and_none(store: Store) -> None:
    """More entries than one command takes. Without orders nothing is noted, and nothing expires."""
    shared = SharedOrders(store)
    await shared.share([], ["e1"])
    assert await store.redis.keys(store.key("*")) == []
    entries = [f"e{number}" for number in range(1200)]
    await shared.share(["7-0", "8-0"], entries)
    assert await shared.of_entries(entries[-1:]) == {"7-0", "8-0"}
    assert await shared.of_entries(entries) == {"7-0", "8-0"}
    assert {await store.redis.ttl(key) for key in await store.redis.keys(store.key("*"))} == {-1}


async def test_a_group_goes_with_its_last_order(store: Store) -> None:
    """Wherever an entry is in others, and however many entries it has. Nothing is left then."""
    shared = SharedOrders(store)
    entries = [f"e{number}" for number in range(1200)]
    await shared.share(["5000-0", "7000-0"], entries)
    await shared.share_each([(["6000-0"], ["e1", "e2"])])
    await shared.share(["5000-0", "8000-0"], ["e1"])
    await shared.forget_before(8000)
    assert await shared.of_entries(["e1"]) == {"5000-0", "7000-0", "8000-0"}
    assert await shared.of_entries(["e2"]) == {"5000-0", "7000-0", "8000-0"}
    await shared.forget_before(8001)
    assert await store.redis.keys(store.key("*")) == []


async def test_groups_of_an_earlier_release(store: Store) -> None:
    """They expire there; those of an entry that gets another are kept, and go with their orders like others."""
    shared = SharedOrders(store)
    key, group = store.key("{purges}", "also", "e1"), store.key("{purges}", "group", "5000-0")
    await store.redis.sadd(key, "5000-0", "4000-0")
    await store.redis.sadd(group, "5000-0", "9000-0")
    for each in (key, group):
        await store.redis.expire(each, 5000)
    await shared.share(["6000-0"], ["e1"])
    assert await store.redis.ttl(key) == await store.redis.ttl(group) == -1
    await shared.forget_before(9000)
    assert await shared.of_entries(["e1"]) == {"5000-0", "9000-0"}
    await shared.forget_before(9001)
    assert await store.redis.keys(store.key("*")) == []
