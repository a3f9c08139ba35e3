"""Sightings, orders and incidents are written off the request's path."""

import time
from dataclasses import replace

import pytest
from tests.proxy.recording import Bench, orders_by_retromatch
from tests.proxy.recording import bench as bench
from tests.support.collected import tracked
from tests.support.eventually import eventually
from tests.support.logs import own_records
from tests.support.real_caches import image, target

from edgeward import metrics
from edgeward.lists.replication.refill import Refill
from edgeward.proxy import recorder as module
from edgeward.proxy.lost_sightings import NO_VERSION
from edgeward.proxy.recorder import Recorder
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.codec import unpack_target
from edgeward.sightings.last_seen import repeats
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Cause, Entry, HashList, Mode, Scope, Sighting, Signal, View, image_tag


async def test_sightings_are_written(bench: Bench) -> None:
    """What is recorded is in the store a moment later, also in a burst."""
    for number in range(300):
        bench.recorder.record_sighting(bench.sighting(f"/{number}", "a"))
    await bench.recorder.close()
    assert len(await bench.sightings.targets(image("a").sha256)) == 300


async def test_a_sighting_overtaken_by_a_listing_is_ordered_out(bench: Bench) -> None:
    """Checked at version v, listed at v+1 and retromatched, and only then written: an order appears."""
    checked = bench.sighting("/late", "late")
    change = await bench.list_image("late")
    assert await orders_by_retromatch(bench, change) == []
    bench.recorder.record_sighting(checked)
    await bench.recorder.close()
    ((order, _),) = await bench.orders.recent()
    assert (order.target, order.cause, order.sha256) == (target("/late"), Cause.MATCH, image("late").sha256)
    assert order.entry_id and order.started_at >= checked.seen_at


async def test_a_sighting_that_stays_clean_is_not_ordered_out(bench: Bench) -> None:
    """A change of the lists that does not concern an image leaves it alone."""
    checked = bench.sighting("/clean", "clean")
    await bench.list_image("other")
    bench.recorder.record_sighting(checked)
    await bench.recorder.close()
    assert await bench.orders.recent() == []


async def test_repeats_are_not_written_again(bench: Bench, store: Store) -> None:
    """The same image at the same target is written once; another image there is written too."""
    for _ in range(3):
        bench.recorder.record_sighting(bench.sighting("/1", "a"))
    await bench.recorder.flush()
    await store.redis.delete(*await store.redis.keys(store.key("*:i")))
    bench.recorder.record_sighting(bench.sighting("/1", "a"))
    bench.recorder.record_sighting(bench.sighting("/1", "b"))
    await bench.recorder.close()
    assert await bench.sightings.targets(image("a").sha256) == []
    assert len(await bench.sightings.targets(image("b").sha256)) == 1


async def test_orders_a_match_in_transit_once(bench: Bench) -> None:
    """A match in transit places one order for its target within a second, whoever asks for the picture how often."""
    change = await bench.list_image("bad")
    verdict = bench.replica.matcher.verdict(image("bad"))
    for path in ("/1", "/1", "/2", "/1"):
        bench.recorder.order_purge(target(path), image("bad").sha256, verdict)
    await bench.recorder.close()
    found = [order for order, _ in await bench.orders.recent()]
    assert sorted(order.target.path for order in found) == ["/1", "/2"]
    assert change.entry and {order.entry_id for order in found} == {change.entry.id}


async def test_orders_by_tag(bench: Bench) -> None:
    """Where a cache keeps tags, a match in transit also orders out what was stored under the image's, once a second;
    so does a sighting that was overtaken by a listing."""
    tagging = Recorder(bench.sightings, bench.orders, bench.replica, SightingsSettings(), bench.incidents, tags=True)
    await tagging.start()
    checked = bench.sighting("/late", "late")
    for name in ("bad", "late"):
        await orders_by_retromatch(bench, await bench.list_image(name))
    verdict = bench.replica.matcher.verdict(image("bad"))
    for path in ("/1", "/2"):
        tagging.order_purge(target(path), image("bad").sha256, verdict)
    tagging.record_sighting(checked)
    await tagging.close()
    found = [(order.scope, order.target.path or order.tag) for order, _ in await bench.orders.recent()]
    late = [(Scope.TAG, image_tag(image("late").sha256)), (Scope.TARGET, "/late")]
    assert sorted(found) == sorted(
        [*late, (Scope.TAG, image_tag(image("bad").sha256)), (Scope.TARGET, "/1"), (Scope.TARGET, "/2")]
    )


async def test_reports_incidents_once(bench: Bench) -> None:
    """A block, and a match on a monitored list, are one incident each per target and minute; no match is none."""
    await bench.list_store.create_list(HashList("watched", mode=Mode.MONITOR), "tester")
    await bench.list_image("bad")
    await bench.list_image("odd", "watched")
    for name in ("bad", "odd", "bad", "clean"):
        fingerprint = image(name)
        bench.recorder.report_incident(target("/1"), fingerprint.sha256, bench.replica.matcher.verdict(fingerprint))
    await bench.recorder.close()
    found = await bench.incidents.recent()
    assert [(one.list, one.reason) for one in found] == [("watched", "monitored"), ("bad", "match")]


async def test_an_incident_says_what_of_the_image_matched(bench: Bench) -> None:
    """The frame of an animation, and the view of it."""
    await bench.list_store.set_list(HashList("bad", rotations=True), "tester")
    signal = Signal("pdq", "0123456789abcdef" * 4, 90)
    (change,) = await bench.list_store.add_entries([Entry("bad", signal)], "tester")
    assert await bench.replica.wait_version(change.version, 60)
    seen = image("a", replace(signal, view=View.DIHEDRAL, frame=12))
    bench.recorder.report_incident(target("/1"), seen.sha256, bench.replica.matcher.verdict(seen))
    await bench.recorder.close()
    (found,) = await bench.incidents.recent()
    assert (found.signal_type, found.view, found.frame) == ("pdq", View.DIHEDRAL, 12)


async def test_what_a_classifier_says_is_an_incident(bench: Bench) -> None:
    """With its label and score, without a list or an entry, and nothing is ordered."""
    bench.recorder.report_classification("model", target("/1"), "ab" * 32, "cat", 0.9)
    await bench.recorder.close()
    (found,) = await bench.incidents.recent()
    assert (found.decision, found.reason, found.target) == ("deliver", "classified", target("/1"))
    assert (found.classifier, found.label, found.score) == ("model", "cat", 0.9)
    assert (found.list, found.entry_id) == ("", "")
    assert await bench.orders.recent() == []


async def test_what_does_not_fit_is_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sighting that does not fit into the buffer is counted, and written when it comes again."""
    monkeypatch.setattr(module, "MAX_SIGHTINGS", 1)
    small = Recorder(bench.sightings, bench.orders, bench.replica, SightingsSettings(), bench.incidents)
    dropped = metrics.registry.get_sample_value("edgeward_sightings_dropped_total") or 0
    small.record_sighting(bench.sighting("/1", "a"))
    small.record_sighting(bench.sighting("/2", "a"))
    assert metrics.registry.get_sample_value("edgeward_sightings_dropped_total") == dropped + 1
    await small.start()
    await small.flush()
    small.record_sighting(bench.sighting("/2", "a"))
    await small.close()
    assert len(await bench.sightings.targets(image("a").sha256)) == 2


async def test_the_second_request_of_a_target_is_recorded(bench: Bench, store: Store) -> None:
    """So that a target that is requested again counts as popular; no third one until `refresh_seconds` have passed."""
    recorded = []
    for path in ("/often", "/often", "/once", "/often"):
        recorded.append(bench.recorder.record_sighting(bench.sighting(path, "a")))
        await bench.recorder.flush()
    assert recorded == [True, True, True, False]
    (key,) = await store.redis.keys(store.key("*:i"))
    again = {unpack_target(field).path: repeats(at) for field, at in (await store.redis.hgetall(key)).items() if field}
    assert again == {"/often": 1, "/once": 0}


async def test_another_size_of_a_target_is_recorded_and_ordered_out(bench: Bench) -> None:
    """A 206 tells no size: the full response after it does, and a cache may hold that many slices."""
    await bench.list_image("bad")
    verdict = bench.replica.matcher.verdict(image("bad"))
    for size in (0, 900):
        of_size = replace(target("/1"), size=size)
        sighting = Sighting(of_size, image("a"), time.time(), bench.replica.version)
        assert [bench.recorder.record_sighting(sighting) for _ in range(3)] == [True, True, False]
        assert bench.recorder.order_purge(of_size, image("bad").sha256, verdict)
    await bench.recorder.close()
    assert [found.size for found, _ in await bench.sightings.targets(image("a").sha256)] == [900]
    assert sorted(order.target.size for order, _ in await bench.orders.recent()) == [0, 900]


async def test_a_lost_sighting_is_remembered_by_its_host(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into a buffer, and what a defect costs, counts as lost at its host: a version of the lists is
    reported as applied only after that is in the store. A listing meanwhile purges the host at once."""
    monkeypatch.setattr(module, "MAX_SIGHTINGS", 1)
    small = Recorder(bench.sightings, bench.orders, bench.replica, SightingsSettings(), bench.incidents)
    for number in range(4):
        small.record_sighting(bench.sighting(f"/{number}", "a"))
    await small.start()
    await small.flush()
    host = replace(target("/"), path="/")
    assert await bench.sightings.forgotten.lost() == {host: 3}
    assert await bench.orders.recent() == []
    late = bench.sighting("/late", "a")
    await orders_by_retromatch(bench, await bench.list_image("other"))
    known = {order.id for order, _ in await bench.orders.recent()}

    async def broken(_: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr(Sightings, "write", broken)
    small.record_sighting(late)
    await small.flush()
    await small.close()
    assert await bench.sightings.forgotten.lost() == {host: 4}
    ((order, _),) = [each for each in await bench.orders.recent() if each[0].id not in known]
    assert (order.scope, order.target, order.forgotten, order.cause) == (Scope.PREFIX, host, 1, Cause.LISTING)


async def test_a_lost_order_has_its_host_purged(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store is there again: the image is listed, so the next listing would come too late."""
    monkeypatch.setattr(module, "MAX_ORDERS", 1)
    small = Recorder(bench.sightings, bench.orders, bench.replica, SightingsSettings(), bench.incidents)
    await bench.list_image("bad")
    for path in ("/1", "/2", "/3"):
        small.order_purge(target(path), image("bad").sha256, bench.replica.matcher.verdict(image("bad")))
    await small.start()
    await small.close()
    found = {(order.scope, order.target.path, order.forgotten) for order, _ in await bench.orders.recent()}
    assert found == {(Scope.TARGET, "/1", 0), (Scope.PREFIX, "/", 2)}


async def test_a_position_is_written_when_sightings_and_orders_are_in_the_store(bench: Bench) -> None:
    """Before that a worker that dies takes them with it."""
    waiting = Recorder(bench.sightings, bench.orders, bench.replica, SightingsSettings(), bench.incidents)
    assert waiting.is_written(waiting.position())
    await bench.list_image("bad")
    waiting.record_sighting(bench.sighting("/1", "a"))
    seen = waiting.position()
    waiting.order_purge(target("/2"), image("bad").sha256, bench.replica.matcher.verdict(image("bad")))
    assert not waiting.is_written(seen)
    await waiting.start()
    await waiting.close()
    assert waiting.is_written(waiting.position())
    assert len(await bench.orders.recent()) == 1


async def test_the_collector_finds_little_in_what_was_recorded(bench: Bench) -> None:
    """A recorder remembers bytes of what it has written: no objects that the garbage collector visits."""
    for number in range(1100):
        bench.recorder.record_sighting(
            bench.sighting(f"/warm/{number}", "a")
        )  # fills what holds the latest and no more
    await bench.recorder.flush()
    before = tracked()
    for number in range(2000):
        bench.recorder.record_sighting(bench.sighting(f"/{number}", "a"))
    await bench.recorder.flush()
    assert [bench.recorder.record_sighting(bench.sighting("/0", "a")) for _ in range(2)] == [True, False]
    await eventually(lambda: tracked() - before < 1000, "the collector finds little")


async def test_lists_that_lag_are_no_outage(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A sighting waits to be matched again until this worker's lists are new enough. That is logged as what it is."""
    change = await bench.list_image("a")
    await orders_by_retromatch(bench, change)
    wait_version, waits = bench.replica.wait_version, list[int]()

    async def lag(version: int, timeout: float) -> bool:
        waits.append(version)
        return len(waits) > 2 and await wait_version(version, timeout)

    monkeypatch.setattr(bench.replica, "wait_version", lag)
    bench.recorder.record_sighting(bench.sighting("/a", "a", version=change.version - 1))
    await bench.recorder.close()
    assert waits == [change.version] * 3
    lag_logged = f"sightings wait to be matched again: the lists have not reached version {change.version} here"
    assert [record.getMessage() for record in own_records(caplog) if record.name.startswith("edgeward")] == [lag_logged]
    assert await bench.orders.recent()


async def test_what_the_store_lost_is_written_again(bench: Bench, store: Store) -> None:
    """A popular image is on record again at its next request, not when its sighting would have been refreshed."""
    change = await bench.list_image("bad")
    verdict = bench.replica.matcher.verdict(image("bad"))
    for _ in range(3):
        bench.recorder.record_sighting(bench.sighting("/1", "a"))
        bench.recorder.report_incident(target("/2"), image("bad").sha256, verdict)
        bench.recorder.order_purge(target("/2"), image("bad").sha256, verdict)
    assert change.entry and not bench.recorder.record_sighting(bench.sighting("/1", "a"))
    await bench.recorder.flush()
    # That waits for sightings alone: what is written after the loss would be there twice.
    await eventually(lambda: bench.incidents.recent(), "the incident is written")
    await eventually(lambda: bench.orders.recent(), "the order is written")
    await store.redis.delete(*await store.redis.keys(store.key("*")))
    await eventually(lambda: bench.recorder.record_sighting(bench.sighting("/1", "a")), "the loss is noticed")
    assert bench.recorder.order_purge(target("/2"), image("bad").sha256, verdict)
    bench.recorder.report_incident(target("/2"), image("bad").sha256, verdict)
    await bench.recorder.close()
    assert [each.path for each, _ in await bench.sightings.targets(image("a").sha256)] == ["/1"]
    assert len(await bench.incidents.recent()) == 1


async def test_a_target_that_nobody_could_judge_is_purged_again(bench: Bench) -> None:
    """A cache may have stored another copy since it carried the first order out. Those that wait to be written are one
    order."""
    for _ in range(2):
        for _ in range(2):
            assert bench.recorder.order_unjudged_purge(target("/1"))
        bench.recorder.order_unjudged_purge(target("/2"))
        await bench.recorder._order_buffer.flush()
    paths = [order.target.path for order, _ in await bench.orders.recent()]
    assert sorted(paths) == ["/1", "/1", "/2", "/2"]
    bench.recorder.order_unjudged_purge(target("/3"))
    assert len(bench.recorder._unjudged_orders) == 1


async def test_what_is_lost_is_written_before_its_request_is_forgotten(bench: Bench) -> None:
    """The host is in the store, and its purge is ordered."""
    bench.recorder.forget(target("/1"), NO_VERSION)
    position = bench.recorder.position()
    assert not bench.recorder.is_written(position)
    await eventually(lambda: bench.recorder.is_written(position))
    ((order, _),) = await bench.orders.recent()
    assert (order.scope, order.forgotten) == (Scope.PREFIX, 1)


async def test_what_the_store_lost_is_recorded_again(bench: Bench, store: Store) -> None:
    """Once it is repaired: what was written before within `refresh_seconds` is not there any more."""
    seen = bench.sighting("/1", "a")
    for _ in range(3):
        bench.recorder.record_sighting(seen)
    assert not bench.recorder.record_sighting(seen)
    await bench.recorder.flush()
    await bench.list_image("listed")
    async for keys in store.scan(f"{store.namespace}:*"):
        await store.redis.delete(*keys)
    await eventually(lambda: bench.replica.loss, "the loss is noticed")
    await Refill(store).accept_loss("ana", "", [bench.replica.lost_history])
    await eventually(lambda: bench.replica.loss is None, "the loss is accepted")
    assert bench.recorder.record_sighting(seen)
    await bench.recorder.close()
    assert len(await bench.sightings.targets(image("a").sha256)) == 1


async def test_a_lost_sighting_is_recorded_when_it_comes_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it did not fit or a defect cost it: so one purge of the host makes up for it."""
    with monkeypatch.context() as patched:
        patched.setattr(Sightings, "write", None)
        assert bench.recorder.record_sighting(bench.sighting("/1", "a"))
        assert bench.recorder.record_sighting(bench.sighting("/1", "a"))
        await bench.recorder.flush()
        patched.setattr(bench.recorder._sighting_buffer, "_size", 0)
        assert not bench.recorder.record_sighting(bench.sighting("/1", "a"))
    purged_at = time.time() + 1
    (mark,) = (await bench.sightings.forgotten.lost_marks()).values()
    assert bench.sightings.forgotten.makes_up_for(mark, purged_at)
    assert bench.recorder.record_sighting(bench.sighting("/1", "a"))
    await bench.recorder.flush()
    assert [each.path for each, _ in await bench.sightings.targets(image("a").sha256)] == ["/1"]


async def test_a_sighting_is_matched_again_at_its_target(bench: Bench) -> None:
    """A list that acts elsewhere orders nothing out; and a match of a limited list has no order by tag."""
    await bench.list_store.create_list(HashList("limited", paths=("/x/",)), "tester")
    checked = [bench.sighting(path, "late") for path in ("/x/1", "/y/1")]
    await bench.list_image("late", on="limited")
    for each in checked:
        bench.recorder.record_sighting(each)
    await bench.recorder.flush()
    tagging = Recorder(*(bench.sightings, bench.orders, bench.replica, SightingsSettings(), bench.incidents), tags=True)
    await tagging.start()
    await bench.list_image("everywhere")
    for name, path in (("late", "/x/2"), ("everywhere", "/z")):
        tagging.order_purge(target(path), image(name).sha256, bench.replica.matcher.verdict(image(name)))
    await tagging.close()
    await bench.recorder.close()
    # The retromatching may have met the sighting too: then there are two orders.
    found = {(order.target.path or "tag", order.sha256) for order, _ in await bench.orders.recent()}
    late, everywhere = image("late").sha256, image("everywhere").sha256
    assert found == {("/x/1", late), ("/x/2", late), ("/z", everywhere), ("tag", everywhere)}
