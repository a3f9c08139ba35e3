"""What is known of the keys of caches."""

import json

from tests.conftest import STORE_TIMEOUT_MS
from tests.support.stepping_store import SteppingStore

from edgeward.purging.key_mismatches import KEEP_SECONDS, KeyMismatch, KeyMismatches
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
    """Then it is forgotten, unless a purge has found it again; what a check found stays."""
    mismatches = KeyMismatches(store, ScheduleClock(store))
    seconds, _ = await store.redis.time()
    for cache, mismatch in (("old", BY_PURGE), ("older", BY_CHECK)):
        text = json.dumps(
            {"headers": mismatch.headers, "detail": "", "fix": "", "by": mismatch.by}, separators=(",", ":")
        )
        value = f"{int(seconds - KEEP_SECONDS - 10)} {text}"
        await store.redis.hset(store.key("{purges}", "key-mismatches"), cache, value)
    assert set(await mismatches.all()) == {"older"}
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
