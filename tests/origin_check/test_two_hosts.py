"""A host with many images takes no time from one with few."""

from tests.origin_check.two_hosts import BIG, SMALL, Size, play

WITHIN, PER_SECOND = 2.0, 40.0


async def test_a_big_host_delays_no_small_one(redis_url: str) -> None:
    """The small host's removals are purged within the time set, the big host's within what its rate allows.

    That is counted in requests that the big host's origin gets meanwhile: never more than its rate allows, and less on
    a busy machine. Of the big host, all are checked once before any is checked for the second time, more or less.
    """
    sizes = {BIG: Size(160, 16), SMALL: Size(10, 3)}
    assert sizes[BIG].images >= 2 * PER_SECOND * WITHIN
    delays = await play(redis_url, sizes, WITHIN, PER_SECOND, limit=120.0)
    assert max(delays.requests[SMALL]) <= PER_SECOND * (WITHIN + 1)
    assert max(delays.requests[BIG]) <= 1.5 * sizes[BIG].images
