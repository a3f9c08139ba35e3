"""A body -> its fingerprint -> a verdict."""

import asyncio
import base64
import hashlib
import io
import random
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from PIL import Image, ImageOps
from tests.proxy.conftest import HASHING
from tests.proxy.judging import TARGET, fingerprints_stored, list_image
from tests.support.collected import tracked
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward import metrics
from edgeward.background.fair_queue import Source
from edgeward.hashing.fingerprint import fingerprint as hashed_here
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import membership
from edgeward.lists.replication.freshness import Freshness, now
from edgeward.lists.replication.replica import Replica
from edgeward.matching import time_slicing
from edgeward.proxy import judge as module
from edgeward.proxy.judge import Judge
from edgeward.settings.config import Config, HashingSettings, PolicySettings, SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Decision, Entry, Fingerprint, Flaw, HashList, Reason, Signal, View


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow store counts too."""
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 30.0)


def lookups(source: str) -> float:
    return metrics.registry.get_sample_value("edgeward_fingerprint_lookups_total", {"source": source}) or 0


async def test_never_hashes_the_same_bytes_twice(
    judge: Judge, store: Store, replica: Replica, pool: HasherPool
) -> None:
    """The second time the fingerprint comes from memory; in another worker, from the store."""
    hashed, memory, stored = lookups("hashed"), lookups("memory"), lookups("store")
    for _ in range(2):
        fingerprint, verdict = await judge.judge(jpeg(), (), TARGET)
    assert fingerprint is not None
    assert verdict.reason is Reason.NO_MATCH
    assert (lookups("hashed"), lookups("memory")) == (hashed + 1, memory + 1)
    await fingerprints_stored()
    other = Judge(Config(hashing=HASHING), replica, pool, Sightings(store, SightingsSettings()))
    assert (await other.judge(jpeg(), (), TARGET))[0] == fingerprint
    assert (lookups("hashed"), lookups("store")) == (hashed + 1, stored + 1)
    await other.close()


async def test_same_body_at_once_is_hashed_once(judge: Judge) -> None:
    """Clients that ask for a new image at the same time share one hashing."""
    before = lookups("hashed")
    await asyncio.gather(*(judge.judge(jpeg("rocket"), (), TARGET) for _ in range(10)))
    assert lookups("hashed") == before + 1


async def test_a_newer_list_is_matched_anew(judge: Judge, store: Store, replica: Replica) -> None:
    """A remembered verdict holds only for its version of the lists; the image is not decoded again."""
    assert not (await judge.judge(jpeg(), (), TARGET))[1].blocks
    before = lookups("hashed")
    await list_image(store, replica, jpeg())
    assert (await judge.judge(jpeg(), (), TARGET))[1].blocks
    assert lookups("hashed") == before


async def test_large_bodies_do_not_stall_the_loop(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large body is digested in a thread, while the event loop goes on."""
    begun, let_go = threading.Event(), threading.Event()

    def digest(body: bytes) -> Any:
        begun.set()
        assert let_go.wait(60), "the loop was blocked"
        return hashlib.sha256(body)

    monkeypatch.setattr(module, "hashlib", SimpleNamespace(sha256=digest))
    judging = asyncio.create_task(judge.judge(b"BM" + bytes(module.THREAD_BYTES), (), TARGET))
    await eventually(begun.is_set)
    let_go.set()
    await judging


async def test_flaws_are_judged_by_policy_but_digests_match_first(judge: Judge, store: Store, replica: Replica) -> None:
    """An image that can't be decoded is delivered by default, unless its digest is listed."""
    broken = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4
    fingerprint, verdict = await judge.judge(broken, (), TARGET)
    assert fingerprint is not None
    assert (fingerprint.flaw, verdict.decision) == (Flaw.UNDECODABLE, Decision.DELIVER)
    assert verdict.reason is Reason.UNDECODABLE
    await list_image(store, replica, broken)
    assert (await judge.judge(broken, (), TARGET))[1].reason is Reason.MATCH


async def test_store_away_costs_nothing_but_the_lookup(replica: Replica, pool: HasherPool) -> None:
    """Without the store an image is hashed and judged all the same."""
    nowhere = Store("unix:///nonexistent/socket", "x", 100)
    judge = Judge(Config(hashing=HASHING), replica, pool, Sightings(nowhere, SightingsSettings()))
    fingerprint, verdict = await judge.judge(jpeg("chelsea"), (), TARGET)
    assert fingerprint is not None
    assert verdict.reason is Reason.NO_MATCH
    await judge.close()
    await nowhere.close()


async def test_a_process_that_was_frozen_catches_up_first(judge: Judge, store: Store, replica: Replica) -> None:
    """After longer than a change waits for it, it asks the store before it judges; concurrent requests share that."""
    await judge.judge(jpeg(), (), TARGET)
    caught: list[float] = []
    original = replica.wait_current

    async def counted() -> bool:
        caught.append(replica.freshness.age)
        return await original()

    replica.wait_current = counted  # type: ignore[method-assign]

    async def judged_after_a_freeze() -> None:
        # No await before the judging asks for it: the running replica would hear from the store meanwhile.
        replica.freshness = Freshness()
        await judge.judge(jpeg(), (), TARGET)

    await asyncio.gather(*(judged_after_a_freeze() for _ in range(5)))
    assert len(caught) == 1


async def test_what_the_store_has_named_is_waited_for(
    judge: Judge, store: Store, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store answers, and what it has is being applied: longer than for a store that does not answer."""
    monkeypatch.setattr(module, "TURN_SECONDS", 0.05)
    monkeypatch.setattr(module, "CATCH_UP_TURNS", (1, 1))
    monkeypatch.setattr(module, "APPLY_TURNS", 1200)
    monkeypatch.setattr(membership, "LEASE_SECONDS", 60.0)
    await judge.judge(jpeg(), (), TARGET)
    replica.freshness = Freshness()
    replica.freshness.answered(now(), replica.version + 2)
    judging = asyncio.create_task(judge.judge(jpeg(), (), TARGET))
    done, _ = await asyncio.wait([judging], timeout=0.5)
    assert not done
    await list_image(store, replica, jpeg())  # two changes
    _, verdict = await judging
    assert verdict.reason is Reason.MATCH


async def test_what_waits_when_the_worker_ends_gets_its_verdict_by_policy(
    store: Store, replica: Replica, pool: HasherPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For list changes, or for a hasher: it is no defect that these do not come any more."""
    monkeypatch.setattr(module, "TURN_SECONDS", 60.0)
    config = Config(hashing=HASHING, policy=PolicySettings(store_stale_seconds=0))
    judge = Judge(config, replica, pool, Sightings(store, SightingsSettings()))
    await judge.judge(jpeg(), (), TARGET)
    asked = asyncio.Event()

    async def never(*_: object) -> NoReturn:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    for name, owner, reason in (("wait_current", replica, Reason.STORE_STALE), ("fingerprint", pool, Flaw.OVERLOADED)):
        asked.clear()
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, never)
            if owner is replica:
                # No await before the judging asks for it: the running replica would hear from the store meanwhile.
                patch.setattr(replica, "freshness", Freshness())
            judging = asyncio.create_task(judge.judge(jpeg("coffee" if owner is pool else "astronaut"), (), TARGET))
            await asked.wait()
            await judge.close()
            fingerprint, verdict = await judging
        assert fingerprint is not None
        assert reason in (verdict.reason, fingerprint.flaw)


async def test_texts_are_images_only_if_they_show_one(store: Store, replica: Replica, pool: HasherPool) -> None:
    """An SVG is an image; a page without one is not, and is not stored."""
    sightings = Sightings(store, SightingsSettings())
    judge = Judge(Config(hashing=HASHING), replica, pool, sightings)
    drawing, page = b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<p>hello"
    assert (await judge.judge(drawing, (), TARGET, "image/svg+xml"))[1].reason is Reason.NO_MATCH
    assert (await judge.judge(page, (), TARGET, "text/xml"))[1].reason is Reason.NOT_IMAGE
    assert (await judge.judge(page, (), TARGET, "image/png"))[1].reason is Reason.NO_MATCH
    before = lookups("hashed")
    assert (await judge.judge(page, (), TARGET, ""))[1].reason is Reason.NOT_IMAGE
    assert lookups("hashed") == before
    await judge.judge(b"<p>another", (), TARGET, "text/xml")
    await judge.close()
    stored = {found.size async for found in sightings.images()}
    assert len(drawing) in stored
    assert len(b"<p>another") not in stored


async def test_the_same_bytes_as_another_kind_of_text(store: Store, replica: Replica) -> None:
    """The fingerprint of a style sheet is not used for an HTML page of the same bytes, in memory or in the store."""
    settings = HashingSettings(processes=1, data_uris=True)
    pool = HasherPool(settings)
    await pool.start()
    body = f"<a b='&#100;ata:;base64,{base64.b64encode(jpeg()).decode()}'".encode()
    for _ in range(2):
        judge = Judge(Config(hashing=settings), replica, pool, Sightings(store, SightingsSettings()))
        assert (await judge.judge(body, (), TARGET, "text/css"))[1].reason is Reason.NOT_IMAGE
        fingerprint, verdict = await judge.judge(body, (), TARGET, "text/html")
        assert fingerprint is not None
        assert (fingerprint.media_type, verdict.reason) == ("text/html", Reason.NO_MATCH)
        await fingerprints_stored()
        await judge.close()
    await pool.close()


async def set_list(store: Store, replica: Replica, hash_list: HashList) -> None:
    change = await ListStore(store).set_list(hash_list, "test")
    assert await replica.wait_version(change.version, 60)


async def list_mirrored(store: Store, replica: Replica) -> bytes:
    """A picture whose mirror image is listed, on a list without rotations."""
    (entry,) = [signal for signal in await mirrored_signals() if signal.type == "pdq"]
    await ListStore(store).create_list(HashList("staff"), "test", "")
    (change,) = await ListStore(store).add_entries([Entry("staff", entry)], "test")
    assert await replica.wait_version(change.version, 60)
    return jpeg()


async def mirrored_signals() -> tuple[Signal, ...]:
    out = io.BytesIO()
    ImageOps.mirror(Image.open(io.BytesIO(jpeg()))).save(out, "PNG")
    return (await asyncio.to_thread(hashed_here, out.getvalue(), HASHING)).signals


async def test_a_list_that_asks_for_more_has_images_hashed_again(
    judge: Judge, store: Store, replica: Replica, pool: HasherPool
) -> None:
    """An image is hashed again, once, when a list needs more views; not when it no longer does, nor in another
    worker."""
    body = await list_mirrored(store, replica)
    assert not (await judge.judge(body, (), TARGET))[1].blocks
    hashed = lookups("hashed")
    await set_list(store, replica, HashList("staff", rotations=True))
    for _ in range(2):
        _, verdict = await judge.judge(body, (), TARGET)
        assert verdict.match and verdict.match.signal.view is View.DIHEDRAL
    assert lookups("hashed") == hashed + 1
    await fingerprints_stored()
    await set_list(store, replica, HashList("staff"))
    other = Judge(Config(hashing=HASHING), replica, pool, Sightings(store, SightingsSettings()))
    for each in (judge, other):
        assert not (await each.judge(body, (), TARGET))[1].blocks
        assert lookups("hashed") == hashed + 1
    await other.close()


async def test_what_a_list_asks_for_while_an_image_is_hashed_counts(
    judge: Judge, store: Store, replica: Replica, pool: HasherPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that is changed while the image is hashed is matched in the views that it now asks for."""
    body = await list_mirrored(store, replica)
    original = pool.fingerprint

    async def overtaken(body: bytes, request: HashRequest, source: Source) -> Fingerprint:
        found = await original(body, request, source)
        if not request.views:
            await set_list(store, replica, HashList("staff", rotations=True))
        return found

    monkeypatch.setattr(pool, "fingerprint", overtaken)
    assert (await judge.judge(body, (), TARGET))[1].blocks


async def test_matching_against_long_lists_holds_up_no_other_task(
    judge: Judge, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image with hundreds of signals is matched in slices; afterwards its verdict is remembered."""
    monkeypatch.setattr(time_slicing, "SLICE_SECONDS", 0.0)
    chance = random.Random(5)
    matcher = replica.matcher
    matcher.set_list(HashList("long", geometry=True, radius={"pdq": 60}))
    for _ in range(3_000):
        matcher.add_entry(Entry("long", Signal("pdq", chance.randbytes(32).hex(), 100)))
    looks = (Signal("pdq", chance.randbytes(32).hex(), 100, View.GEOMETRY) for _ in range(300))
    seen = Fingerprint("ab" * 32, "image/jpeg", 1, tuple(looks))
    slices = 0

    async def other() -> None:
        nonlocal slices
        while True:
            slices += 1
            await asyncio.sleep(0)

    watching = asyncio.create_task(other())
    found = await judge.verdict(seen, TARGET)
    watching.cancel()
    assert slices > 3

    def matched_again(*_: object) -> NoReturn:
        raise AssertionError("it was not remembered")

    monkeypatch.setattr(matcher, "matches_async", matched_again)
    assert (await judge.verdict(seen, TARGET)).reason is Reason.NO_MATCH
    assert await judge.verdict(seen, TARGET) is found


async def test_a_complete_fingerprint_is_stored(judge: Judge, store: Store) -> None:
    """A fingerprint is stored for all workers if nothing is missing from it, whatever its flaw; otherwise not."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(out, "PNG")
    fingerprint, verdict = await judge.judge(out.getvalue(), (), TARGET)
    assert fingerprint is not None
    assert (fingerprint.flaw, verdict.reason) == (Flaw.FLAT, Reason.FLAT)
    broken, _ = await judge.judge(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4, (), TARGET)
    assert broken is not None
    assert broken.flaw is Flaw.UNDECODABLE
    await fingerprints_stored()
    stored = {found.sha256 async for found in Sightings(store, SightingsSettings()).images()}
    assert fingerprint.sha256 in stored
    assert broken.sha256 not in stored


async def test_a_coding_by_any_name_is_only_unknown(judge: Judge) -> None:
    """Any bytes in Content-Encoding lead to the verdict on an unknown coding, never to a defect."""
    for name in ("\udcff", "\0", "gzip\udc80", "%ff", "x" * 10_000):
        _, verdict = await judge.judge(jpeg(), (name,), TARGET)
        assert verdict.reason is Reason.BAD_CODING


async def test_the_collector_finds_little_in_what_is_remembered(
    judge: Judge, pool: HasherPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many images were judged, the garbage collector visits only the latest."""

    async def made(body: bytes, request: HashRequest, source: Source) -> Fingerprint:
        signals = (Signal("pdq", hashlib.sha256(body + bytes((number,))).hexdigest(), 100) for number in range(10))
        return Fingerprint(sha256(body).value, "image/png", len(body), tuple(signals), flaw=Flaw.UNDECODABLE)

    monkeypatch.setattr(pool, "fingerprint", made)
    before = tracked()
    for number in range(1_000):
        await judge.judge(b"%d" % number, (), TARGET)
    await eventually(lambda: tracked() - before < 6_000, "the collector finds little")
    hashed = lookups("memory")
    await judge.judge(b"0", (), TARGET)
    assert lookups("memory") == hashed + 1


async def test_equal_verdicts_are_one(
    judge: Judge, store: Store, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdicts that say the same are one object; if there are too many, all are found anew, and say the same."""
    monkeypatch.setattr(module, "MAX_DISTINCT_VERDICTS", 2)
    names = [f"{number:064x}" for number in range(8)]
    await ListStore(store).create_list(HashList("staff"), "test", "")
    listed = [Entry("staff", Signal("sha256", name)) for name in names[:4]]
    changes = await ListStore(store).add_entries(listed, "test")
    assert await replica.wait_version(changes[-1].version, 60)
    images = [Fingerprint(name, "image/png", 1, (Signal("sha256", name),)) for name in names]
    for _ in range(2):
        found = [await judge.verdict(image, TARGET) for image in images]
        assert [verdict.blocks for verdict in found] == [True] * 4 + [False] * 4
        assert len(judge._distinct_verdicts) <= 2
    assert await judge.verdict(images[6], TARGET) is await judge.verdict(images[7], TARGET)


async def test_a_verdict_depends_on_the_target_where_a_list_does(judge: Judge, replica: Replica, store: Store) -> None:
    """What was remembered of an image for one target is no verdict for another; a policy that changes is heeded."""
    list_store = ListStore(store)
    await list_store.create_list(HashList("staff", hosts=(TARGET.host,)), "test")
    (change,) = await list_store.add_entries([Entry("staff", sha256(jpeg()))], "test")
    assert await replica.wait_version(change.version, 60)
    other = replace(TARGET, host="other.test")

    async def blocked() -> list[bool]:
        return [(await judge.judge(jpeg(), (), each))[1].blocks for each in (TARGET, other, TARGET, other)]

    assert await blocked() == [True, False, True, False]
    changed = await list_store.set_list(HashList("staff", hosts=(other.host,)), "test")
    assert await replica.wait_version(changed.version, 60)
    assert await blocked() == [False, True, False, True]
    fingerprint, _ = await judge.judge(jpeg(), (), TARGET)
    assert fingerprint
    flawed = replace(fingerprint, flaw=Flaw.TOO_LARGE)
    assert [(await judge.verdict(flawed, each)).reason for each in (TARGET, other)] == [Reason.TOO_LARGE, Reason.MATCH]
