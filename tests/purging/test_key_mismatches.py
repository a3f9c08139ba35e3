"""What is known of the keys of caches."""

import json

from tests.conftest import STORE_TIMEOUT_MS
from tests.support.stepping_store import SteppingStore

from edgeward.purging.key_mismatches import KEEP_SECONDS, KeyMismatches
from edgeward.purging.key_records import NOTHING_KNOWN, KeyDoubt, KeyMismatch
from edgeward.purging.orders import Orders
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.store.connection import Store

BY_CHECK = KeyMismatch(("user-agent",), "a copy for phones is left", "use Vary", "check")
BY_PURGE = KeyMismatch(("x-forwarded-proto",), "its key does not match", "use Vary", "purge")


async def test_a_check_takes_back_what_a_check_found(store: Store) -> None:
    """Not what a purge has found: a check tries one object, and keys may differ from path to path."""
    mismatches = KeyMismatches(store, ScheduleClock(store))
    await mismatches.note("varnish", BY_CHECK)
    await mismatches.note("squid", BY_PURGE)
    assert await mismatches.all() == {"varnish": BY_CHECK, "squid": BY_PURGE}
    assert await mismatches.clear("varnish")
    assert not await mismatches.clear("squid")
    assert await mismatches.all() == {"squid": BY_PURGE}


async def test_what_a_purge_found_is_believed_for_a_day(store: Store) -> None:
    """Then it is past, unless a purge has found it again; what a check found stays."""
    mismatches = KeyMismatches(store, ScheduleClock(store))
    seconds, _ = await store.redis.time()
    for cache, mismatch in (("old", BY_PURGE), ("older", BY_CHECK)):
        text = json.dumps(
            {"headers": mismatch.headers, "detail": "", "fix": "", "by": mismatch.by}, separators=(",", ":")
        )
        value = f"{int(seconds - KEEP_SECONDS - 10)} {text}"
        await store.redis.hset(store.key("{purges}", "key-mismatches"), cache, value)
    assert set(await mismatches.all()) == {"older"}
    doubt = (await mismatches.records())["old"].doubt(seconds - 60)
    assert doubt and doubt.until >= seconds
    await mismatches.note("old", BY_PURGE)
    assert set(await mismatches.all()) == {"old", "older"}


async def test_a_check_is_taken_by_one(store: Store) -> None:
    """And a doubt brings the next one forward, but never puts it off."""
    one, other = KeyMismatches(store, ScheduleClock(store)), KeyMismatches(store, ScheduleClock(store))
    assert await one.take_check("varnish", 900)
    assert not await other.take_check("varnish", 900)
    key = store.key("{purges}", "key-check", "varnish")
    assert not await one.take_doubt("varnish")
    await one.doubt("varnish")
    assert await store.redis.pttl(key) <= 60_000
    await store.redis.pexpire(key, 10_000)
    await one.doubt("varnish")
    assert await store.redis.pttl(key) <= 10_000
    assert await other.take_doubt("varnish")
    assert not await one.take_doubt("varnish")


async def test_what_is_taken_back_still_counts_for_the_orders_of_before(store: Store) -> None:
    """Copies under the old key are still there, until a person says that the cache was emptied."""
    mismatches = KeyMismatches(store, ScheduleClock(store))
    before = int(store.clock.now() * 1000) / 1000  # as orders have it
    assert (await mismatches.records()).get("edge", NOTHING_KNOWN).doubt(before) is None
    await mismatches.note("edge", BY_CHECK)
    assert (await mismatches.records())["edge"].doubt(before) == KeyDoubt(BY_CHECK.detail)
    await mismatches.clear("edge")
    record = (await mismatches.records())["edge"]
    assert record.doubt(before) == KeyDoubt(BY_CHECK.detail, record.past_until)
    assert record.doubt(record.past_until + 0.001) is None
    await mismatches.note_emptied("edge")
    record = (await mismatches.records())["edge"]
    assert record.doubt(before) is None
    # A key that is another again tells nothing of the orders before the cache was emptied.
    await mismatches.note("edge", BY_CHECK)
    record = (await mismatches.records())["edge"]
    assert record.doubt(before) is None
    assert record.doubt(record.emptied_at + 1) == KeyDoubt(BY_CHECK.detail)


async def test_a_clock_that_steps_back_makes_no_order_good(store: Store) -> None:
    """What counts is which orders were placed before: their ids never go back."""
    mismatches, ahead = KeyMismatches(store, ScheduleClock(store)), int((store.clock.now() + 3600) * 1000)
    await store.redis.xadd(store.key("{purges}", "orders"), {"order": "{}"}, id=f"{ahead}-0")  # before the step
    await mismatches.note("edge", BY_CHECK)
    await mismatches.clear("edge")
    assert (await mismatches.records())["edge"].doubt(ahead / 1000)
    await mismatches.note_emptied("edge")
    assert (await mismatches.records())["edge"].doubt(ahead / 1000) is None


async def test_a_key_is_unchecked_until_something_is_known(store: Store) -> None:
    """A check that finds nothing wrong is on record, for every controller and after restarts."""
    mismatches = KeyMismatches(store, ScheduleClock(store))
    assert NOTHING_KNOWN.is_unchecked
    assert not await mismatches.clear("varnish")
    await mismatches.note("squid", BY_PURGE)
    records = await KeyMismatches(store, ScheduleClock(store)).records()
    assert {name: each.is_unchecked for name, each in records.items()} == {"varnish": False, "squid": False}


async def test_nothing_is_left_of_a_cache_that_is_forgotten(store: Store) -> None:
    """Whether a person writes it off, or no controller has had it for long."""
    orders = Orders(store)
    mismatches, nodes = orders.key_mismatches, orders.nodes
    for name in ("sold", "absent"):
        await orders.ensure_group(name)
        for mismatch in (BY_CHECK, BY_PURGE):
            await mismatches.note(name, mismatch)
            await mismatches.clear(name)
        await mismatches.note_emptied(name)
        await mismatches.doubt(name)
        await mismatches.take_check(name, 900)
    assert set(await mismatches.records()) == {"sold", "absent"}
    await nodes.forget("sold")
    assert set(await mismatches.records()) == {"absent"}
    await store.redis.hset(store.key("{purges}", "nodes"), "absent", "1.0")
    assert await nodes.forget_absent(0) == []
    assert await mismatches.records() == {}
    assert await store.redis.keys(store.key("{purges}", "key-*")) == []


async def test_no_step_of_the_stores_clock_takes_away_what_is_known(stepping: SteppingStore) -> None:
    """Set forwards, what a purge has found stays; set back, a check is due at once rather than after the step."""
    store = await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS)
    clock = ScheduleClock(store)
    mismatches = KeyMismatches(store, clock)
    await mismatches.note("squid", BY_PURGE)
    await stepping.step_and_wait(store, 40 * 86400.0)
    await clock.look()
    assert await mismatches.all() == await KeyMismatches(store, ScheduleClock(store)).all() == {"squid": BY_PURGE}
    assert await mismatches.take_check("squid", 900)
    await stepping.step_and_wait(store, -40 * 86400.0)
    assert [await mismatches.take_check("squid", 900) for _ in range(2)] == [True, False]
    await store.close()
