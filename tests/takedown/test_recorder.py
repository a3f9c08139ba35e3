"""The proxy's side: noting sightings, orders and incidents, off the request's path."""

import gc
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.takedown.conftest import image, target, until

from edgeward import metrics
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.config import SightingsSettings
from edgeward.store.connection import Store
from edgeward.takedown import outbox
from edgeward.takedown import recorder as module
from edgeward.takedown.backwards.retro import Retro
from edgeward.takedown.incidents import Incidents
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.recorder import Recorder
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Cause, Change, Entry, HashList, Mode, Scope, Sighting, Signal, View, image_tag


class Bench:
    """A recorder and what it writes to, on a store of its own."""

    def __init__(self, store: Store) -> None:
        settings = SightingsSettings()
        self.catalogue, self.replica = Catalogue(store), Replica(store, "proxy")
        self.sightings, self.orders, self.incidents = Sightings(store, settings), Orders(store), Incidents(store)
        self.retro = Retro(store, self.replica, self.sightings, self.orders)
        self.recorder = Recorder(self.sightings, self.orders, self.replica, settings, self.incidents)

    async def list_image(self, name: str, on: str = "bad") -> Change:
        signal = Signal("sha256", image(name).sha256)
        (change,) = await self.catalogue.add_entries([Entry(on, signal)], "tester")
        assert await self.replica.wait_version(change.version, 60)
        return change

    def sighting(self, path: str, name: str, version: int | None = None) -> Sighting:
        at = self.replica.version if version is None else version
        return Sighting(target(path), image(name), time.time(), at)


@pytest.fixture
async def bench(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(module, "ORDER_SECONDS", 600.0)
    monkeypatch.setattr(outbox, "FLUSH_SECONDS", 60.0)
    bench = Bench(store)
    await bench.catalogue.create_list(HashList("bad"), "tester")
    await bench.replica.start()
    await bench.retro.start()
    await bench.recorder.start()
    yield bench
    await bench.recorder.close()
    await bench.retro.close()
    await bench.replica.close()


async def matched_backwards(bench: Bench, change: Change) -> list[str]:
    """The orders of a change, once all that was seen by then is matched against it."""

    async def matched() -> bool:
        return await bench.retro.orders_of(change.version) is not None

    await until(matched)
    return await bench.retro.orders_of(change.version) or []


async def test_notes_sightings(bench: Bench) -> None:
    """What is noted is on record a moment later, in whatever burst it came."""
    for number in range(300):
        bench.recorder.note(bench.sighting(f"/{number}", "a"))
    await bench.recorder.close()
    assert len(await bench.sightings.targets(image("a").sha256)) == 300


async def test_a_sighting_overtaken_by_a_listing_is_ordered_out(bench: Bench) -> None:
    """Checked clean at version v, listed at v+1 and matched backwards, and only then written: an order appears."""
    checked = bench.sighting("/late", "late")
    change = await bench.list_image("late")
    assert await matched_backwards(bench, change) == []
    bench.recorder.note(checked)
    await bench.recorder.close()
    ((order, _),) = await bench.orders.recent()
    assert (order.target, order.cause, order.sha256) == (target("/late"), Cause.MATCH, image("late").sha256)
    assert order.entry_id and order.started_at >= checked.seen_at


async def test_a_sighting_that_stays_clean_is_not_ordered_out(bench: Bench) -> None:
    """A change of the lists that does not concern an image leaves it alone."""
    checked = bench.sighting("/clean", "clean")
    await bench.list_image("other")
    bench.recorder.note(checked)
    await bench.recorder.close()
    assert await bench.orders.recent() == []


async def test_repeats_are_not_written_again(bench: Bench, store: Store) -> None:
    """The same image at the same target is written once; another image there is written too."""
    for _ in range(3):
        bench.recorder.note(bench.sighting("/1", "a"))
    await bench.recorder.flush()
    await store.redis.delete(*await store.redis.keys(store.key("*:i")))
    bench.recorder.note(bench.sighting("/1", "a"))
    bench.recorder.note(bench.sighting("/1", "b"))
    await bench.recorder.close()
    assert await bench.sightings.targets(image("a").sha256) == []
    assert len(await bench.sightings.targets(image("b").sha256)) == 1


async def test_orders_a_match_in_transit_once(bench: Bench) -> None:
    """A match in transit places one order for its target within a second, whoever asks for the picture how often."""
    change = await bench.list_image("bad")
    verdict = bench.replica.matcher.verdict(image("bad"))
    for path in ("/1", "/1", "/2", "/1"):
        bench.recorder.order(target(path), image("bad").sha256, verdict)
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
        await matched_backwards(bench, await bench.list_image(name))
    verdict = bench.replica.matcher.verdict(image("bad"))
    for path in ("/1", "/2"):
        tagging.order(target(path), image("bad").sha256, verdict)
    tagging.note(checked)
    await tagging.close()
    found = [(order.scope, order.target.path or order.tag) for order, _ in await bench.orders.recent()]
    late = [(Scope.TAG, image_tag(image("late").sha256)), (Scope.TARGET, "/late")]
    assert sorted(found) == sorted(
        [*late, (Scope.TAG, image_tag(image("bad").sha256)), (Scope.TARGET, "/1"), (Scope.TARGET, "/2")]
    )


async def test_reports_incidents_once(bench: Bench) -> None:
    """A block, and a match on a monitored list, are one incident each per target and minute; no match is none."""
    await bench.catalogue.create_list(HashList("watched", mode=Mode.MONITOR), "tester")
    await bench.list_image("bad")
    await bench.list_image("odd", "watched")
    for name in ("bad", "odd", "bad", "clean"):
        fingerprint = image(name)
        bench.recorder.incident(target("/1"), fingerprint.sha256, bench.replica.matcher.verdict(fingerprint))
    await bench.recorder.close()
    found = await bench.incidents.recent()
    assert [(one.list, one.reason) for one in found] == [("watched", "monitored"), ("bad", "match")]


async def test_an_incident_says_what_of_the_image_matched(bench: Bench) -> None:
    """The frame of an animation, and the view of it."""
    await bench.catalogue.set_list(HashList("bad", rotations=True), "tester")
    signal = Signal("pdq", "0123456789abcdef" * 4, 90)
    (change,) = await bench.catalogue.add_entries([Entry("bad", signal)], "tester")
    assert await bench.replica.wait_version(change.version, 60)
    seen = image("a", replace(signal, view=View.TURNED, frame=12))
    bench.recorder.incident(target("/1"), seen.sha256, bench.replica.matcher.verdict(seen))
    await bench.recorder.close()
    (found,) = await bench.incidents.recent()
    assert (found.signal_type, found.view, found.frame) == ("pdq", View.TURNED, 12)


async def test_what_a_classifier_says_is_an_incident(bench: Bench) -> None:
    """With its label and score, without a list or an entry, and nothing is ordered."""
    bench.recorder.classified("model", target("/1"), "ab" * 32, "cat", 0.9)
    await bench.recorder.close()
    (found,) = await bench.incidents.recent()
    assert (found.decision, found.reason, found.target) == ("deliver", "classified", target("/1"))
    assert (found.classifier, found.label, found.score) == ("model", "cat", 0.9)
    assert (found.list, found.entry_id) == ("", "")
    assert await bench.orders.recent() == []


async def test_what_cannot_be_held_is_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sighting for which there is no room is counted, and written when it comes again."""
    monkeypatch.setattr(module, "SIGHTINGS_HELD", 1)
    small = Recorder(bench.sightings, bench.orders, bench.replica, SightingsSettings(), bench.incidents)
    dropped = metrics.registry.get_sample_value("edgeward_sightings_dropped_total") or 0
    small.note(bench.sighting("/1", "a"))
    small.note(bench.sighting("/2", "a"))
    assert metrics.registry.get_sample_value("edgeward_sightings_dropped_total") == dropped + 1
    await small.start()
    await small.flush()
    small.note(bench.sighting("/2", "a"))
    await small.close()
    assert len(await bench.sightings.targets(image("a").sha256)) == 2


async def test_a_mark_is_reached_when_sightings_and_orders_are_on_record(bench: Bench) -> None:
    """Before that a worker that dies takes them with it."""
    waiting = Recorder(bench.sightings, bench.orders, bench.replica, SightingsSettings(), bench.incidents)
    assert waiting.reached(waiting.mark())
    await bench.list_image("bad")
    waiting.note(bench.sighting("/1", "a"))
    seen = waiting.mark()
    waiting.order(target("/2"), image("bad").sha256, bench.replica.matcher.verdict(image("bad")))
    assert not waiting.reached(seen)
    await waiting.start()
    await waiting.close()
    assert waiting.reached(waiting.mark())
    assert len(await bench.orders.recent()) == 1


async def test_the_collector_finds_little_in_what_was_noted(bench: Bench) -> None:
    """Of what is on record a recorder remembers bytes: no objects that the garbage collector would go through."""
    for number in range(1100):
        bench.recorder.note(bench.sighting(f"/warm/{number}", "a"))  # fills what holds the latest and no more
    await bench.recorder.flush()
    gc.collect()
    before = len(gc.get_objects())
    for number in range(2000):
        bench.recorder.note(bench.sighting(f"/{number}", "a"))
    await bench.recorder.flush()
    assert not bench.recorder.note(bench.sighting("/0", "a"))
    gc.collect()
    assert len(gc.get_objects()) - before < 1000
