"""What purges have found out about keys."""

from edgeward.doctor.known_keys import check_known_keys
from edgeward.purging.key_mismatches import KeyMismatch, KeyMismatches
from edgeward.store.connection import Store


async def test_what_a_purge_has_found_is_a_failure(store: Store) -> None:
    """It names the cache, the header and what to do; where nothing is known there is no finding."""
    mismatches = KeyMismatches(store)
    assert await check_known_keys(mismatches) == []
    await mismatches.note("edge", KeyMismatch(("user-agent",), "copies by user-agent", "use Vary", "purge"))
    (found,) = await check_known_keys(mismatches)
    assert found.is_failure
    assert (found.about, found.detail, found.fix) == ("edge", "copies by user-agent", "use Vary")
