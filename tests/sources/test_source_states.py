"""What is known of each source, and which controller has it."""

import json

from tests.support.eventually import eventually

from edgeward.sources import source_states
from edgeward.sources.source_states import PullRequest, SourceState, SourceStates
from edgeward.store.connection import Store


async def test_one_controller_has_a_source(store: Store) -> None:
    """The first that claims it, until it releases it or is silent; only it writes the state."""
    one, two = SourceStates(store, "one"), SourceStates(store, "two")
    assert await one.claim(["a", "b"]) == {"a", "b"}
    assert await two.claim(["a", "c"]) == {"c"}
    state = SourceState(since=1.5, problems=["x"], checkpoint={"etag": "e"})
    assert await one.save("a", state)
    assert not await two.save("a", SourceState(since=9.0))
    assert await two.read(["a", "new"]) == {"a": state, "new": SourceState()}
    await one.release(["a"])
    assert await two.claim(["a", "b"]) == {"a"}
    assert await two.holders() == {"a": "two", "b": "one", "c": "two"}


async def test_a_silent_controller_loses_its_sources(store: Store) -> None:
    """Its lease ends by the lease clock, which others keep going."""
    one, two = SourceStates(store, "one"), SourceStates(store, "two")
    seconds = source_states.LEASE_SECONDS
    try:
        source_states.LEASE_SECONDS = 0.05
        await one.claim(["a"])
    finally:
        source_states.LEASE_SECONDS = seconds

    async def is_taken() -> bool:
        return await two.claim(["a"]) == {"a"}

    await eventually(is_taken, "the end of the lease")
    assert not await one.save("a", SourceState())


async def test_what_was_asked_for(store: Store) -> None:
    """It stays until it is begun."""
    states = SourceStates(store, "one")
    request = PullRequest("ana", allow_large_removal=True)
    await states.ask("a", request)
    assert await states.asked(["a", "b"]) == {"a": request}
    await states.answered("a")
    assert await states.asked(["a"]) == {}


async def test_a_state_of_a_later_release(store: Store) -> None:
    """What it wrote besides is passed over; one that can't be read is a new one."""
    states = SourceStates(store)
    key = store.key("{sources}", "states")
    await store.redis.hset(key, "a", json.dumps({"since": 2.0, "invented": 1}))
    await store.redis.hset(key, "b", "no JSON")
    assert await states.read(["a", "b"]) == {"a": SourceState(since=2.0), "b": SourceState()}


def test_the_age() -> None:
    """Since the last good pull, or since the source is known; never negative."""
    assert SourceState(since=5.0).age(9.0) == 4.0
    assert SourceState(since=5.0, good_at=8.0).age(9.0) == 1.0
    assert (SourceState().age(9.0), SourceState(good_at=99.0).age(9.0)) == (0.0, 0.0)
