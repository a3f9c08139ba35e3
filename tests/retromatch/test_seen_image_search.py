"""The index of images seen, following a real store."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.real_caches import image, target

from edgeward import metrics
from edgeward.errors import StoreUnavailable
from edgeward.retromatch import seen_image_search as module
from edgeward.retromatch.search_scope import Search
from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.retromatch.seen_image_search import SeenImageSearch
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Fingerprint, Sighting, Signal, View

MD5 = Signal("md5", "ab" * 16)


@pytest.fixture
async def sightings(store: Store) -> Sightings:
    return Sightings(store, SightingsSettings())


@pytest.fixture
async def seen_image_search(sightings: Sightings) -> AsyncIterator[SeenImageSearch]:
    made = SeenImageSearch(sightings)
    yield made
    await made.close()


async def see(sightings: Sightings, *images: Fingerprint) -> None:
    await sightings.write([Sighting(target("/"), each, time.time(), 0) for each in images])


async def test_finds_what_was_seen_before_and_since(sightings: Sightings, seen_image_search: SeenImageSearch) -> None:
    """It is ready when all images are read; it finds later ones without a refresh."""
    await see(sightings, image("a", MD5))
    assert not seen_image_search.ready
    with pytest.raises(StoreUnavailable, match="still being loaded"):
        await seen_image_search.near(MD5, 0)
    await seen_image_search.refresh()
    assert seen_image_search.ready
    await see(sightings, image("b", MD5))
    assert {each.sha256 for each in await seen_image_search.near(MD5, 0)} == {image("a").sha256, image("b").sha256}


async def test_near_ignores_optional_views(sightings: Sightings, seen_image_search: SeenImageSearch) -> None:
    """`near` only compares views that always match; `near_each` can search other views."""
    signal = Signal("pdq", "0f" * 32, 40, View.DIHEDRAL)
    await see(sightings, image("a", signal))
    await seen_image_search.refresh()
    assert await seen_image_search.near(replace(signal, view=View.STORED), 31) == []
    (found,) = await seen_image_search.near_each([Search(signal, 31, frozenset({View.DIHEDRAL}))])
    assert found == {image("a").sha256[:32]}


async def test_composite_values_need_both_components(sightings: Sightings, seen_image_search: SeenImageSearch) -> None:
    """Images with a near dhash are found, and are near if the PDQ of the same picture is; a PDQ of the GEOMETRY view
    does not count."""
    dhash, pdq = Signal("dhash", "0f1e2d3c4b5a6978"), Signal("pdq", "0f" * 32, 90)
    far = replace(pdq, value="f0" * 32)
    await see(sightings, image("a", dhash, pdq), image("b", dhash, far), image("c", pdq))
    await see(sightings, image("d", dhash, far, replace(pdq, view=View.GEOMETRY)))
    await seen_image_search.refresh()
    composite = Signal("pdq-dhash", "0f1e2d3c4b5a69ff" + "0f" * 31 + "00", 90)
    assert [each.sha256 for each in await seen_image_search.near(composite, 72)] == [image("a").sha256]
    assert await seen_image_search.near(composite, 8 * 4 - 1) == []
    (found,) = await seen_image_search.near_each([Search(composite, 72)])
    assert found == {image(name).sha256[:32] for name in "abd"}


async def test_the_minimum_quality_is_a_setting(sightings: Sightings) -> None:
    """A PDQ below the minimum quality is near nothing."""
    signal = Signal("pdq", "0f" * 32, 40)
    await see(sightings, image("a", signal))
    for min_quality, number in ((40, 1), (41, 0)):
        seen_image_search = SeenImageSearch(sightings, min_quality)
        await seen_image_search.refresh()
        assert len(await seen_image_search.near(signal, 0)) == number
        await seen_image_search.close()


async def test_a_lost_position(sightings: Sightings, seen_image_search: SeenImageSearch, store: Store) -> None:
    """If the stream was trimmed beyond its position, a search says so, and the next refresh reads all images."""
    await seen_image_search.refresh()
    for number in range(5):
        await see(sightings, image(str(number), MD5))
    await store.redis.xtrim(store.key("{seen}", "new"), maxlen=1, approximate=False)
    with pytest.raises(StoreUnavailable, match="being loaded again"):
        await seen_image_search.near(MD5, 0)
    assert not seen_image_search.ready
    await seen_image_search.refresh()
    assert len(await seen_image_search.near(MD5, 0)) == 5


async def test_digests_are_compared_in_full(sightings: Sightings, seen_image_search: SeenImageSearch) -> None:
    """Only half of a digest is in memory, but the other half is compared too."""
    await see(sightings, image("a", MD5), image("b", Signal("md5", "ab" * 8 + "cd" * 8)))
    await seen_image_search.refresh()
    assert [each.sha256 for each in await seen_image_search.near(MD5, 0)] == [image("a").sha256]


async def test_a_rebuild_forgets_expired_images(
    sightings: Sightings, seen_image_search: SeenImageSearch, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expired images leave the index when it is rebuilt; searches are answered meanwhile."""
    await see(sightings, image("a", MD5))
    await seen_image_search.refresh()
    keys = [key async for batch in store.scan(f"{store.namespace}:*") for key in batch]
    for key in keys:
        if await store.redis.type(key) == b"hash":
            await store.redis.delete(key)
    await seen_image_search.refresh()
    assert (await seen_image_search.near_each([Search(MD5, 0)]))[0]
    monkeypatch.setattr(module, "REBUILD_SECONDS", 0.0)
    await seen_image_search.refresh()
    assert seen_image_search.ready

    async def forgotten() -> bool:
        return not (await seen_image_search.near_each([Search(MD5, 0)]))[0]

    await eventually(forgotten)
    assert seen_image_search.ready


@pytest.mark.parametrize("error", [ConnectionError(), ValueError()], ids=["outage", "defect"])
async def test_a_rebuild_that_fails_is_not_repeated_at_once(
    sightings: Sightings, seen_image_search: SeenImageSearch, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It is tried again only after a while, not at each refresh. A defect is counted; the index can be searched."""

    def defects() -> float:
        return metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "retromatch"}) or 0.0

    await see(sightings, image("a", MD5))
    await seen_image_search.refresh()
    monkeypatch.setattr(module, "REBUILD_SECONDS", 0.0)
    rebuilds, before = list[int](), defects()

    async def fail() -> None:
        rebuilds.append(1)
        raise error

    monkeypatch.setattr(seen_image_search, "_build", fail)
    for _ in range(3):
        await seen_image_search.refresh()
        await eventually(lambda: rebuilds and seen_image_search._rebuilding is None)
    assert len(rebuilds) == 1
    assert defects() == before + isinstance(error, ValueError)
    assert await seen_image_search.near(MD5, 0)
    monkeypatch.setattr(module, "REBUILD_RETRY_SECONDS", 0.0)
    await seen_image_search.refresh()
    await eventually(lambda: len(rebuilds) == 2)


async def test_a_long_search_does_not_stop_the_loop(
    sightings: Sightings, seen_image_search: SeenImageSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many searches run in a thread, while other tasks continue; few run on the event loop."""
    chance = random.Random(1)
    some = [image(str(number), Signal("pdq", chance.randbytes(32).hex(), 90)) for number in range(400)]
    await see(sightings, *some)
    await seen_image_search.refresh()
    begun, may_end, near_each, loop_thread = (
        threading.Event(),
        threading.Event(),
        SeenImageIndex.near_each,
        threading.get_ident(),
    )

    def halting(*args: Any) -> Iterator[tuple[int, str]]:
        found = list(near_each(*args))
        begun.set()
        assert threading.get_ident() == loop_thread or may_end.wait(60)
        return iter(found)

    monkeypatch.setattr(SeenImageIndex, "near_each", halting)
    searching = asyncio.create_task(seen_image_search.near_each([Search(each.signals[1], 40) for each in some]))
    await eventually(begun.is_set)
    assert not searching.done()
    may_end.set()
    assert all(each.sha256[:32] in near for each, near in zip(some, await searching, strict=True))
    assert await seen_image_search.near_each([Search(some[0].signals[1], 40)])
