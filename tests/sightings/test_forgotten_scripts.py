"""The scripts of forgotten targets, on a real Redis."""

import pytest

from edgeward.sightings.forgotten_scripts import REMEMBER_LOST, REPAIR
from edgeward.store.connection import Store

LIMITS = (9, 60_000, 2, 0)
"""Now, keep in ms, and so many hosts."""


async def lose(store: Store, host: str, wait: int) -> None:
    """A purge makes up for it that is ordered `wait` milliseconds later."""
    await store.run(REMEMBER_LOST, [store.key("lost")], [*LIMITS, wait, 5_000, host, host, 1])


async def lost(store: Store) -> dict[bytes, list[int]]:
    found = await store.redis.hgetall(store.key("lost"))
    return {host: [int(number) for number in value.split()] for host, value in found.items()}


async def test_the_longest_wait_counts(store: Store) -> None:
    """Of what was lost at one host, and of what has no place under its own."""
    await lose(store, "a", 600_000)
    (_, _, since) = (await lost(store))[b"a"]
    await lose(store, "a", 0)
    assert await lost(store) == {b"a": [2, 9, since]}
    await lose(store, "b", 0)
    await lose(store, "c", 900_000)
    await lose(store, "d", 0)
    found = await lost(store)
    assert found.keys() == {b"a", b"b", b""}
    assert found[b""][0] == 2 and found[b""][2] > since + 200_000 > found[b"b"][2]


async def test_what_earlier_versions_have_lost_waits_longest(store: Store) -> None:
    """They did not tell from when on a purge makes up for it: it is reckoned by the second when it was lost."""
    await store.redis.hset(store.key("lost"), "a", "3 4000000000")
    await lose(store, "a", 0)
    assert await lost(store) == {b"a": [4, 9, 4_000_000_005_000]}


@pytest.mark.parametrize(
    ("value", "repaired"),
    [("3 100 100500", 0), ("3 100 100499", 3), ("3 100", 0), ("3 50", 3), ("", 0)],
)
async def test_a_purge_repairs_what_was_lost_before_it(store: Store, value: str, repaired: int) -> None:
    """To the millisecond, where that is known; of earlier versions what was lost by second 50."""
    if value:
        await store.redis.hset(store.key("lost"), "a", value)
    assert await store.run(REPAIR, [store.key("lost")], ["a", 50, 100_500]) == repaired
    assert (await store.redis.hlen(store.key("lost")) == 0) is (repaired > 0 or not value)
