"""A body -> its fingerprint -> a verdict."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.proxy.pictures import jpeg, sha256

from edgeward import metrics
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.config import Config, HashingSettings, SightingsSettings
from edgeward.hashing.pool import HasherPool
from edgeward.proxy.judge import Judge
from edgeward.store.connection import Store
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Decision, Entry, Flaw, HashList, Reason

SETTINGS = HashingSettings(processes=1)


@pytest.fixture
async def pool() -> AsyncIterator[HasherPool]:
    made = HasherPool(SETTINGS)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def replica(store: Store) -> AsyncIterator[Replica]:
    made = Replica(store, "test")
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def judge(store: Store, replica: Replica, pool: HasherPool) -> AsyncIterator[Judge]:
    made = Judge(Config(hashing=SETTINGS), replica, pool, Sightings(store, SightingsSettings()))
    yield made
    await made.close()


def lookups(source: str) -> float:
    return metrics.registry.get_sample_value("edgeward_fingerprint_lookups_total", {"source": source}) or 0


async def list_image(store: Store, replica: Replica, image: bytes) -> None:
    catalogue = Catalogue(store)
    await catalogue.create_list(HashList("staff"), "test", "")
    (change,) = await catalogue.add_entries([Entry("staff", sha256(image))], "test")
    assert await replica.wait_version(change.version, 5)


async def test_never_hashes_the_same_bytes_twice(
    judge: Judge, store: Store, replica: Replica, pool: HasherPool
) -> None:
    """The second time the fingerprint comes from memory; in another worker, from the store."""
    hashed, memory, kept = lookups("hashed"), lookups("memory"), lookups("store")
    for _ in range(2):
        fingerprint, verdict = await judge.judge(jpeg(), ())
    assert fingerprint is not None
    assert verdict.reason is Reason.NO_MATCH
    assert (lookups("hashed"), lookups("memory")) == (hashed + 1, memory + 1)
    other = Judge(Config(hashing=SETTINGS), replica, pool, Sightings(store, SightingsSettings()))
    async with asyncio.timeout(5):
        while lookups("store") == kept:
            await asyncio.sleep(0.05)
            other = Judge(Config(hashing=SETTINGS), replica, pool, Sightings(store, SightingsSettings()))
            assert (await other.judge(jpeg(), ()))[0] == fingerprint


async def test_same_body_at_once_is_hashed_once(judge: Judge) -> None:
    """Clients that ask for a new image at the same time share one hashing."""
    before = lookups("hashed")
    await asyncio.gather(*(judge.judge(jpeg("rocket"), ()) for _ in range(10)))
    assert lookups("hashed") == before + 1


async def test_a_newer_list_is_matched_anew(judge: Judge, store: Store, replica: Replica) -> None:
    """A remembered verdict holds only for its version of the lists; the image is not decoded again."""
    assert not (await judge.judge(jpeg(), ()))[1].blocks
    before = lookups("hashed")
    await list_image(store, replica, jpeg())
    assert (await judge.judge(jpeg(), ()))[1].blocks
    assert lookups("hashed") == before


async def test_large_bodies_do_not_stall_the_loop(judge: Judge) -> None:
    """A body of 16 MiB is digested beside the loop."""
    longest, last, loop = 0.0, asyncio.get_running_loop().time(), asyncio.get_running_loop()
    task = asyncio.create_task(judge.judge(b"BM" + bytes(16 << 20), ()))
    while not task.done():
        await asyncio.sleep(0)
        longest, last = max(longest, loop.time() - last), loop.time()
    assert longest < 0.25


async def test_flaws_are_judged_by_policy_but_digests_match_first(judge: Judge, store: Store, replica: Replica) -> None:
    """An image that no decoder reads is delivered by default, unless its digest is listed."""
    broken = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4
    fingerprint, verdict = await judge.judge(broken, ())
    assert fingerprint is not None
    assert (fingerprint.flaw, verdict.decision) == (Flaw.UNDECODABLE, Decision.DELIVER)
    assert verdict.reason is Reason.UNDECODABLE
    await list_image(store, replica, broken)
    assert (await judge.judge(broken, ()))[1].reason is Reason.MATCH


async def test_flaws_of_the_moment_are_not_remembered(store: Store, replica: Replica, pool: HasherPool) -> None:
    """An image on which a hasher died is hashed anew the next time."""
    judge = Judge(Config(hashing=SETTINGS), replica, pool, Sightings(store, SightingsSettings()))
    body = jpeg("coffee", 100)
    hashing = asyncio.create_task(judge.judge(body, ()))
    import os
    import signal

    victim = pool.pids[0]
    while not hashing.done() and pool.pids and pool.pids[0] == victim:
        os.kill(victim, signal.SIGKILL)
        await asyncio.sleep(0.001)
    await hashing
    fingerprint, verdict = await judge.judge(body, ())
    assert fingerprint is not None
    assert (fingerprint.flaw, verdict.reason) == (None, Reason.NO_MATCH)
    await judge.close()


async def test_store_away_costs_nothing_but_the_lookup(replica: Replica, pool: HasherPool) -> None:
    """Without the store an image is hashed and judged all the same."""
    nowhere = Store("unix:///nonexistent/socket", "x", 100)
    judge = Judge(Config(hashing=SETTINGS), replica, pool, Sightings(nowhere, SightingsSettings()))
    fingerprint, verdict = await judge.judge(jpeg("chelsea"), ())
    assert fingerprint is not None
    assert verdict.reason is Reason.NO_MATCH
    await judge.close()
    await nowhere.close()


async def test_a_process_that_was_frozen_catches_up_first(judge: Judge, store: Store, replica: Replica) -> None:
    """After longer than it is waited for it asks the store before it judges; with the store away it goes on."""
    await judge.judge(jpeg(), ())
    caught: list[float] = []
    original = replica.catch_up

    async def counted(timeout: float) -> bool:
        caught.append(timeout)
        return await original(timeout)

    replica.catch_up = counted  # type: ignore[method-assign]
    replica.contact = 0.0
    await asyncio.gather(*(judge.judge(jpeg(), ()) for _ in range(5)))
    assert len(caught) == 1
