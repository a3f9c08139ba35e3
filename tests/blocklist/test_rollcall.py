"""Who is alive and who lags."""

import asyncio

import pytest

from edgeward.blocklist import rollcall as module
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.rollcall import ASTRAY, LOADING, RollCall
from edgeward.store.connection import Store
from edgeward.types import HashList


@pytest.fixture
async def rollcall(store: Store) -> RollCall:
    """A roll call at version 3 of the lists."""
    for name in "abc":
        await Catalogue(store).create_list(HashList(name), "me")
    return RollCall(store)


async def test_who_has_not_applied_a_version_lags(rollcall: RollCall) -> None:
    """Behind or astray is lagging; at the version or beyond is not."""
    for name, applied in (("astray", ASTRAY), ("none", 0), ("behind", 1), ("there", 2), ("beyond", 3)):
        await rollcall.beat(name, applied)
    assert await rollcall.laggards(2) == ["astray", "behind", "none"]
    assert await rollcall.laggards(3) == ["astray", "behind", "none", "there"]
    await rollcall.beat("behind", 3)
    await rollcall.leave("astray")
    assert await rollcall.laggards(2) == ["none"]


async def test_who_loads_is_waited_for_until_it_calls_again(rollcall: RollCall, store: Store) -> None:
    """What was there when a loading replica called will be in its load; what came since waits for its next call."""
    await rollcall.beat("loading", LOADING)
    assert await rollcall.laggards(3) == []
    await Catalogue(store).create_list(HashList("d"), "me")
    assert await rollcall.laggards(3) == []
    assert await rollcall.laggards(4) == ["loading"]
    await rollcall.beat("loading", LOADING)
    assert await rollcall.laggards(4) == []


async def test_who_has_not_answered_a_question_lags(rollcall: RollCall) -> None:
    """Later answers are to all questions before; who loads has nothing to say."""
    first, second = await rollcall.ask(), await rollcall.ask()
    assert first < second
    for name, answered in (("never", 0), ("once", first), ("both", second)):
        await rollcall.beat(name, 3, 3, answered)
    await asyncio.sleep(0.002)
    await rollcall.beat("loading", LOADING)
    assert await rollcall.laggards(3) == []
    assert await rollcall.laggards(0, first) == ["never"]
    assert await rollcall.laggards(0, second) == ["never", "once"]
    assert "loading" in await rollcall.laggards(0, await rollcall.ask())


async def test_a_version_that_the_store_never_had(rollcall: RollCall) -> None:
    """Who claims more than the store has ever had holds another history: it lags behind every version."""
    await rollcall.beat("elder", 1000)
    assert await rollcall.laggards(1) == ["elder"]


async def test_who_is_not_heard_from_is_not_waited_for(rollcall: RollCall) -> None:
    """After the lease a silent replica counts no more, until it calls in again; in the end it is forgotten."""
    await rollcall.beat("dead", 0)
    assert await rollcall.laggards(1) == ["dead"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "LEASE_SECONDS", 0.0)
        assert await rollcall.laggards(1) == []
        patched.setattr(module, "FORGET_SECONDS", 0.0)
        assert await rollcall.laggards(1) == []
    assert await rollcall.laggards(1) == []
    await rollcall.beat("dead", 0)
    assert await rollcall.laggards(1) == ["dead"]


async def test_a_beat_tells_the_stores_history(rollcall: RollCall, store: Store) -> None:
    """The answer holds the newest version, and the time of the change that the caller applied last, if it is kept."""
    changes = await Catalogue(store).changes(0)
    beat = await rollcall.beat("one", 2)
    assert (beat.version, beat.at) == (3, changes[1].at)
    assert (await rollcall.beat("one", LOADING)).at is None
    assert (await rollcall.beat("one", 0)).at is None
    assert (await rollcall.beat("one", 9)).at is None
    await store.redis.xtrim(store.key("{blocklist}", "changes"), maxlen=1, approximate=False)
    assert (await rollcall.beat("one", 2)).at is None


async def test_who_is_present(store: Store) -> None:
    """Each live replica with what it reported and how long ago; one that has signed off is not there."""
    calls = RollCall(store)
    await calls.beat("one", 3)
    await calls.beat("two", LOADING)
    await calls.beat("gone", 3)
    await calls.leave("gone")
    present = await calls.present()
    assert [(each.id, each.version) for each in present] == [("one", 3), ("two", 0)]
    assert all(0 <= each.age < module.LEASE_SECONDS for each in present)
