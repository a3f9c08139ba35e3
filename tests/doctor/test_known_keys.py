"""What purges have found out about keys."""

from edgeward.doctor.cached_object import STILL_CACHED
from edgeward.doctor.finding import Finding, Health, fail, ok
from edgeward.doctor.known_keys import apply_findings, check_known_keys, find_other_key
from edgeward.purging.key_mismatches import KeyMismatches
from edgeward.purging.key_records import KeyMismatch
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.store.connection import Store


async def test_what_a_purge_has_found_is_a_failure(store: Store) -> None:
    """It names the cache, the header and what to do; where nothing is known there is no finding."""
    mismatches = KeyMismatches(store, ScheduleClock(store))
    assert await check_known_keys(mismatches) == []
    await mismatches.note("edge", KeyMismatch(("user-agent",), "copies by user-agent", "use Vary", "purge"))
    (found,) = await check_known_keys(mismatches)
    assert found.is_failure
    assert (found.about, found.detail, found.fix) == ("edge", "copies by user-agent", "use Vary")


async def test_a_key_that_was_another_is_a_warning(store: Store) -> None:
    """Until the cache is emptied, or no order of that time is on record."""
    mismatches = KeyMismatches(store, ScheduleClock(store))
    await mismatches.note("edge", KeyMismatch(("cookie",), "copies by cookie", "use Vary", "check"))
    await mismatches.clear("edge")
    (found,) = await check_known_keys(mismatches, 60.0)
    assert (found.about, found.health) == ("edge", Health.WARN)
    assert "copies by cookie" in found.detail
    assert found.fix.endswith("edgeward caches emptied edge")
    assert await check_known_keys(mismatches, -60.0) == []
    await mismatches.note_emptied("edge")
    assert await check_known_keys(mismatches) == []


LEFT = fail("edge", "keys", f"a copy is {STILL_CACHED} after the purge", "use Vary")
GONE = ok("edge", "object", "an object was stored, purged, and verified gone")


async def test_what_a_person_checks_is_taken_back_or_counts(store: Store) -> None:
    """A check of doctor that finds every copy gone takes back what a check had found; what another finds counts at
    once, and brings the next regular check forward. It does not replace what says more."""
    mismatches = KeyMismatches(store, ScheduleClock(store))
    assert await mismatches.take_check("edge", 900)
    await apply_findings(mismatches, "edge", [GONE, LEFT])
    assert await mismatches.all() == {"edge": KeyMismatch((), LEFT.detail, "use Vary", "check")}
    known = KeyMismatch(("cookie",), "a copy was left", "use Vary", "check")
    await mismatches.note("edge", known)
    await apply_findings(mismatches, "edge", [LEFT])
    assert await mismatches.all() == {"edge": known}
    assert await mismatches.take_check("edge", 900)
    await apply_findings(mismatches, "edge", [GONE])
    assert await mismatches.all() == {}
    assert not await mismatches.take_check("edge", 900)


def test_a_cache_that_is_down_or_refuses_has_no_other_key() -> None:
    """Only a copy that is left tells of a key."""
    down: list[Finding] = [
        fail("edge", "object", "it does not serve the object: connection refused", "set `serves`"),
        fail("edge", "object", "its purge is not carried out: status 403", "fix the secret"),
    ]
    assert find_other_key(down) is None
    assert find_other_key([*down, LEFT]) is LEFT
