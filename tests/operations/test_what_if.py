"""What a list would match of all images seen: compared with what it matches once it has that policy."""

import random
import time

import pytest
from tests.support.eventually import eventually
from tests.support.real_caches import target

from edgeward.errors import InvalidValue, NotFound
from edgeward.operations import entries, lists, what_if
from edgeward.operations.lists import ListChanges
from edgeward.operations.services import Services
from edgeward.types import Fingerprint, HashList, Mode, Sighting, Signal, View

PDQ = "0f1e2d3c4b5a6978" * 4


def pdq(bits: int, quality: int = 90, view: View = View.STORED) -> Signal:
    """A PDQ that differs from PDQ in so many bits."""
    value = int(PDQ, 16)
    for bit in random.Random(bits).sample(range(256), bits):
        value ^= 1 << bit
    return Signal("pdq", f"{value:064x}", quality, view)


def image(number: int, *signals: Signal) -> Fingerprint:
    sha256 = f"{number:02x}" * 32
    return Fingerprint(sha256, "image/jpeg", 1, (Signal("sha256", sha256), *signals))


async def seen(services: Services, images: list[Fingerprint]) -> None:
    """Record them as served, and wait until they can be searched."""
    now = time.time()
    await services.sightings.write([Sighting(target(f"/{each.sha256}"), each, now, 0) for each in images])
    await eventually(lambda: services.retromatch.ready)


async def test_it_says_what_the_list_then_matches(services: Services) -> None:
    """For each radius the images are those that the list matches once it has it; nothing is changed before."""
    await lists.create(services, HashList("bad", mode=Mode.MONITOR), "ana", "")
    await entries.add(services, "bad", [Signal("pdq", PDQ, 90), Signal("md5", "cd" * 16)], "ana", "")
    known = [image(bits, pdq(bits, quality=95)) for bits in range(24, 50)]
    low, turned = image(100, pdq(3, quality=10)), image(101, pdq(0, view=View.DIHEDRAL))
    known[0] = image(24, pdq(24, quality=70))
    twin = image(102, Signal("md5", "cd" * 16), pdq(40))
    await seen(services, [*known, low, turned, twin])
    radii = ListChanges(radius={"pdq": 40}), ListChanges(radius={"pdq": 24})
    for changes in (*radii, ListChanges(rotations=True), ListChanges(min_quality=80), ListChanges(min_quality=91)):
        found = await what_if.what_if(services, "bad", changes, 30.0)
        assert (found.images, found.matching) == (29, 9), "31 - 24 + 1 by their PDQ, one by its MD5"
        expected = {}
        for each in (*known, low, turned, twin):
            await lists.change(services, "bad", changes, "ana", "")
            if matches := services.replica.matcher.matches(each):
                nearest = min((match.distance, match.signal.type) for match in matches)
                expected[each.sha256] = nearest
        assert found.would_match == len(expected)
        histogram: dict[str, dict[int, int]] = {}
        for distance, kind in expected.values():
            histogram.setdefault(kind, {}).setdefault(distance, 0)
            histogram[kind][distance] += 1
        assert {kind: dict(counts) for kind, counts in found.distances.items()} == histogram
        undone = ListChanges(radius={"pdq": None}, rotations=False, min_quality=0)
        await lists.change(services, "bad", undone, "ana", "")


async def test_a_search_that_ends_early_says_so(services: Services) -> None:
    """When its time is over before the first step: nothing was searched for, and the result is not complete."""
    await lists.create(services, HashList("bad"), "ana", "")
    await entries.add(services, "bad", [pdq(0)], "ana", "")
    await seen(services, [image(1, pdq(0))])
    found = await what_if.what_if(services, "bad", ListChanges(), 0.0)
    assert (found.entries, found.searched, found.is_complete, found.would_match) == (1, 0, False, 0)


async def test_what_is_wrong_is_named(services: Services) -> None:
    """An unknown list; a radius that no list can have."""
    with pytest.raises(NotFound, match="nowhere"):
        await what_if.what_if(services, "nowhere", ListChanges(), 1.0)
    await lists.create(services, HashList("bad"), "ana", "")
    with pytest.raises(InvalidValue, match="pdq = 65"):
        await what_if.what_if(services, "bad", ListChanges(radius={"pdq": 65}), 1.0)
