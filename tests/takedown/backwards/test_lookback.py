"""The index of images seen, kept up with a real store."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.takedown.conftest import image, target, until

from edgeward.config import SightingsSettings
from edgeward.errors import StoreUnavailable
from edgeward.store.connection import Store
from edgeward.takedown.backwards import lookback as module
from edgeward.takedown.backwards.index import SeenImages
from edgeward.takedown.backwards.lookback import Lookback
from edgeward.takedown.backwards.suspects import Search
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Fingerprint, Sighting, Signal, View

MD5 = Signal("md5", "ab" * 16)


@pytest.fixture
async def sightings(store: Store) -> Sightings:
    return Sightings(store, SightingsSettings())


@pytest.fixture
async def lookback(sightings: Sightings) -> AsyncIterator[Lookback]:
    made = Lookback(sightings)
    yield made
    await made.close()


async def see(sightings: Sightings, *images: Fingerprint) -> None:
    await sightings.write([Sighting(target("/"), each, time.time(), 0) for each in images])


async def test_knows_what_was_seen_before_and_since(sightings: Sightings, lookback: Lookback) -> None:
    """It is ready when all is read; what is seen later it finds without being told."""
    await see(sightings, image("a", MD5))
    assert not lookback.ready
    with pytest.raises(StoreUnavailable, match="still being read"):
        await lookback.near(MD5, 0)
    await lookback.refresh()
    assert lookback.ready
    await see(sightings, image("b", MD5))
    assert {each.sha256 for each in await lookback.near(MD5, 0)} == {image("a").sha256, image("b").sha256}


async def test_what_few_lists_ask_for_is_not_near(sightings: Sightings, lookback: Lookback) -> None:
    """Who asks what is near a signal is told of what always matches; a search may ask for other views."""
    signal = Signal("pdq", "0f" * 32, 40, View.TURNED)
    await see(sightings, image("a", signal))
    await lookback.refresh()
    assert await lookback.near(replace(signal, view=View.STORED), 31) == []
    (found,) = await lookback.near_each([Search(signal, 31, frozenset({View.TURNED}))])
    assert found == {image("a").sha256[:32]}


async def test_joint_values_are_near_by_both_parts(sightings: Sightings, lookback: Lookback) -> None:
    """Images that hold a near dhash are found, and are near where the PDQ of the same picture is; a PDQ that was
    searched for does not count."""
    dhash, pdq = Signal("dhash", "0f1e2d3c4b5a6978"), Signal("pdq", "0f" * 32, 90)
    far = replace(pdq, value="f0" * 32)
    await see(sightings, image("a", dhash, pdq), image("b", dhash, far), image("c", pdq))
    await see(sightings, image("d", dhash, far, replace(pdq, view=View.SEARCHED)))
    await lookback.refresh()
    joint = Signal("pdq-dhash", "0f1e2d3c4b5a69ff" + "0f" * 31 + "00", 90)
    assert [each.sha256 for each in await lookback.near(joint, 72)] == [image("a").sha256]
    assert await lookback.near(joint, 8 * 4 - 1) == []
    (found,) = await lookback.near_each([Search(joint, 72)])
    assert found == {image(name).sha256[:32] for name in "abd"}


async def test_the_least_quality_is_a_setting(sightings: Sightings) -> None:
    """A PDQ of less than what is asked for is near nothing."""
    signal = Signal("pdq", "0f" * 32, 40)
    await see(sightings, image("a", signal))
    for least, number in ((40, 1), (41, 0)):
        lookback = Lookback(sightings, least)
        await lookback.refresh()
        assert len(await lookback.near(signal, 0)) == number
        await lookback.close()


async def test_a_lost_place_is_read_anew(sightings: Sightings, lookback: Lookback, store: Store) -> None:
    """Where the stream was trimmed beyond its place, a search says so, and the next refresh reads all images."""
    await lookback.refresh()
    for number in range(5):
        await see(sightings, image(str(number), MD5))
    await store.redis.xtrim(store.key("{seen}", "new"), maxlen=1, approximate=False)
    with pytest.raises(StoreUnavailable, match="being read anew"):
        await lookback.near(MD5, 0)
    assert not lookback.ready
    await lookback.refresh()
    assert len(await lookback.near(MD5, 0)) == 5


async def test_a_twin_in_what_is_kept_of_a_digest_is_no_match(sightings: Sightings, lookback: Lookback) -> None:
    """Of digests only half is in memory: the other half is compared too."""
    await see(sightings, image("a", MD5), image("b", Signal("md5", "ab" * 8 + "cd" * 8)))
    await lookback.refresh()
    assert [each.sha256 for each in await lookback.near(MD5, 0)] == [image("a").sha256]


async def test_forgets_now_and_then(
    sightings: Sightings, lookback: Lookback, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images that have expired leave the index when it is built anew, and it answers meanwhile."""
    await see(sightings, image("a", MD5))
    await lookback.refresh()
    keys = [key async for batch in store.scan(f"{store.namespace}:*") for key in batch]
    for key in keys:
        if await store.redis.type(key) == b"hash":
            await store.redis.delete(key)
    await lookback.refresh()
    assert (await lookback.near_each([Search(MD5, 0)]))[0]
    monkeypatch.setattr(module, "REBUILD_SECONDS", 0.0)
    await lookback.refresh()
    assert lookback.ready

    async def forgotten() -> bool:
        return not (await lookback.near_each([Search(MD5, 0)]))[0]

    await until(forgotten)
    assert lookback.ready


async def test_a_long_search_does_not_stop_the_loop(
    sightings: Sightings, lookback: Lookback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many searches are made in a thread, in the middle of which other tasks have their turns; few are made at once."""
    chance = random.Random(1)
    some = [image(str(number), Signal("pdq", chance.randbytes(32).hex(), 90)) for number in range(400)]
    await see(sightings, *some)
    await lookback.refresh()
    begun, turns, near_each, loops = threading.Event(), threading.Event(), SeenImages.near_each, threading.get_ident()

    def halting(*args: Any) -> Iterator[tuple[int, str]]:
        found = list(near_each(*args))
        begun.set()
        assert threading.get_ident() == loops or turns.wait(20)
        return iter(found)

    monkeypatch.setattr(SeenImages, "near_each", halting)
    searching = asyncio.create_task(lookback.near_each([Search(each.signals[1], 40) for each in some]))
    await until(begun.is_set)
    assert not searching.done()
    turns.set()
    assert all(each.sha256[:32] in near for each, near in zip(some, await searching, strict=True))
    assert await lookback.near_each([Search(some[0].signals[1], 40)])
