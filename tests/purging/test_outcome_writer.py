"""Outcomes of purges, written to a real Redis."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.purging.samples import order
from tests.purging.scripted import REMOVED
from tests.store.server import Server
from tests.support.programs import require

from edgeward import metrics
from edgeward.caches.base import Purged
from edgeward.purging.orders import Orders, PurgeResult
from edgeward.purging.outcome_writer import REFUSED_RETRY_SECONDS, OutcomeWriter
from edgeward.purging.retry_queue import QueuedPurge
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.types import Cause, Delivery, Outcome, Scope
from edgeward.types.accepted_purges import ANSWER_LOST

FOUND = Purged(Delivery.VERIFIED, 404, count=1)
REFUSED = Purged(Delivery.REFUSED, 403, "status 403")
START = 1000.0


class OneOrder:
    """One order at one cache, and its repeats."""

    def __init__(self, store: Store, cache: str = "edge") -> None:
        self.orders, self.cache = Orders(store), cache
        self.writer = OutcomeWriter(self.orders, cache, (1.0, 5.0, 60.0), ())
        self.order_id = ""

    async def first(self, purged: Purged, at: float = START, **kind: Any) -> None:
        await self.orders.ensure_group(self.cache)
        (self.order_id,) = await self.orders.place([replace(order(), **{"cause": Cause.LISTING, **kind})])
        (taken,) = await self.orders.take(self.cache, "c", 1, 10)
        self.writer.put(QueuedPurge(taken, attempts=1), purged, at)
        await self.writer.write()

    async def repeat(self, purged: Purged, due: float, late: float = 0.0) -> None:
        """Purge again: the repeat is due then and not before."""
        assert await self.orders.due_repeats(self.cache, due - 0.01) == []
        (repeat,) = await self.orders.due_repeats(self.cache, due + 0.01)
        purge = QueuedPurge(repeat.order, repeat.repeat_id, repeat.previous, attempts=1)
        self.writer.put(purge, purged, due + 0.01 + late)
        await self.writer.write()

    async def again(self, purged: Purged, at: float) -> None:
        """The cache is written off, and a controller has one of that name again: the order runs again."""
        await self.orders.nodes.forget(self.cache)
        await self.orders.ensure_group(self.cache)
        (taken,) = await self.orders.take(self.cache, "c", 1, 10)
        self.writer.put(QueuedPurge(taken, attempts=1), purged, at)
        await self.writer.write()

    async def finished(self) -> bool:
        """Whether no repeat is scheduled."""
        return await self.orders.due_repeats(self.cache, time.time() * 2) == []

    async def outcome(self) -> Outcome:
        return (await self.orders.get(self.order_id))[1][self.cache]


def counted(cache: str, outcome: str) -> float:
    labels = {"cache": cache, "outcome": outcome}
    return metrics.registry.get_sample_value("edgeward_purges_total", labels) or 0.0


async def test_repeats_count_from_the_first_purge(store: Store) -> None:
    """All repeats count from the first purge, and leave its outcome on record."""
    one = OneOrder(store)
    await one.first(REMOVED)
    for seconds in (1, 5, 60):
        await one.repeat(REMOVED, START + seconds)
    assert await one.finished()
    assert await one.outcome() == Outcome(one.order_id, "edge", Delivery.VERIFIED, START, 1, 404, "", 0)


@pytest.mark.parametrize(
    "kind", [{"cause": Cause.UNJUDGED}, {"cause": Cause.LISTING, "scope": Scope.PREFIX, "forgotten": 7, "sha256": ""}]
)
async def test_a_purge_of_a_broken_off_response_is_repeated_for_long(store: Store, kind: dict[str, Any]) -> None:
    """A cache that goes on fetching slowly stores the response late: the purge is repeated after minutes too. So is
    that of a host where such responses were lost."""
    one = OneOrder(store)
    await one.first(REMOVED, **kind)
    for seconds in (1, 5, 60, 300):
        await one.repeat(REMOVED, START + seconds)
    await one.repeat(FOUND, START + 900)
    assert await one.finished()
    assert (await one.outcome()).removed == 1


async def test_a_late_repeat_replaces_those_it_overtook(store: Store) -> None:
    """A repeat that is done after the next one was due replaces that one."""
    one = OneOrder(store)
    await one.first(REMOVED)
    await one.repeat(REMOVED, START + 1, late=10)
    await one.repeat(REMOVED, START + 60)
    assert await one.finished()


async def test_a_repeat_that_is_answered_late_stands_for_none(store: Store) -> None:
    """It was sent before the next one was due: what was stored since then is removed by that."""
    one = OneOrder(store)
    await one.first(REMOVED)
    (repeat,) = await one.orders.due_repeats(one.cache, START + 1.01)
    purge = QueuedPurge(repeat.order, repeat.repeat_id, repeat.previous, attempts=1, sent_at=START + 1.01)
    one.writer.put(purge, REMOVED, START + 7)
    await one.writer.write()
    await one.repeat(REMOVED, START + 5)
    await one.repeat(REMOVED, START + 60)
    assert await one.finished()


async def test_a_copy_stored_again_is_reported(store: Store) -> None:
    """If a repeat removed a copy, that becomes the outcome, with all attempts, and is counted; later repeats follow."""
    one = OneOrder(store, "results-again")
    await one.first(FOUND)
    await one.repeat(FOUND, START + 1)
    found = await one.outcome()
    assert (found.attempts, found.at) == (2, START + 1.01)
    assert "stored again" in found.detail
    assert "or the first purge missed it: the cache's key has more in it than the purge names" in found.detail
    assert (counted("results-again", "verified"), counted("results-again", "stored_again")) == (1, 1)
    await one.repeat(REMOVED, START + 5)
    assert await one.outcome() == found


async def test_a_refused_purge_is_retried_rarely(store: Store) -> None:
    """A refused purge is retried after minutes; once accepted it counts as the first purge, with its repeats."""
    one = OneOrder(store, "results-refusing")
    await one.first(REFUSED)
    assert await one.orders.due_repeats(one.cache, START + 0.7 * REFUSED_RETRY_SECONDS) == []
    (due,) = await one.orders.due_repeats(one.cache, START + 1.3 * REFUSED_RETRY_SECONDS)
    one.writer.put(QueuedPurge(due.order, due.repeat_id, due.previous, attempts=1), REMOVED, START + 400)
    await one.writer.write()
    assert (await one.outcome()).delivery is Delivery.VERIFIED
    assert (counted(one.cache, "refused"), counted(one.cache, "verified")) == (1, 1)
    await one.repeat(REMOVED, START + 401)


async def test_a_refused_repeat_changes_no_outcome(store: Store) -> None:
    """A verified order stays verified when a repeat is refused; the repeat is retried."""
    one = OneOrder(store)
    await one.first(REMOVED)
    await one.repeat(REFUSED, START + 1)
    assert (await one.outcome()).delivery is Delivery.VERIFIED
    assert not await one.finished()


async def test_results_wait_for_the_store(tmp_path: Path) -> None:
    """Outcomes from while the store was away are written when it is back, with the time of the purge."""
    server = Server(tmp_path, require("redis-server"))
    await server.start()
    store = await Store.connect(server.url)
    one = OneOrder(store)
    (one.order_id,) = await one.orders.place([order()])
    await one.orders.ensure_group("edge")
    (taken,) = await one.orders.take("edge", "c", 1, 10)
    server.kill()
    one.writer.put(QueuedPurge(taken, attempts=1), REMOVED, START)
    with pytest.raises(STORE_AWAY):
        await one.writer.write()
    await server.start()
    assert [purge.order for purge in await one.writer.write()] == [taken]
    assert (await one.outcome()).at == START
    await store.close()
    server.kill()


async def test_waits_for_results(store: Store) -> None:
    """`write` waits until there is a result."""
    one = OneOrder(store)
    writing = asyncio.create_task(one.writer.write())
    await asyncio.sleep(0.05)
    assert not writing.done()
    one.writer.put(QueuedPurge(replace(order(), id="1-1")), REMOVED, START)
    assert len(await asyncio.wait_for(writing, 60)) == 1


@pytest.mark.parametrize(("count", "met"), [(2, "removed"), (0, "none"), (None, "unknown")])
async def test_what_a_purge_met_is_recorded_and_counted(store: Store, count: int | None, met: str) -> None:
    """A copy, none, or the cache does not tell: in the outcome and in the metric."""
    one = OneOrder(store, f"met-{met}")
    await one.first(Purged(Delivery.VERIFIED, 404, count=count))
    assert (await one.outcome()).removed == count
    assert [met_count(one.cache, each) for each in ("removed", "none", "unknown")] == [
        float(each == met) for each in ("removed", "none", "unknown")
    ]


async def test_copies_that_repeats_remove_are_added(store: Store) -> None:
    """An image that was stored again was there: what was removed is the sum. An empty repeat takes nothing away."""
    one = OneOrder(store, "met-again")
    await one.first(REMOVED)
    await one.repeat(Purged(Delivery.VERIFIED, 404, count=2), START + 1)
    await one.repeat(FOUND, START + 5)
    await one.repeat(REMOVED, START + 60)
    assert (await one.outcome()).removed == 3
    assert (met_count(one.cache, "none"), met_count(one.cache, "removed")) == (1, 2)


async def test_copies_that_failed_attempts_removed_are_not_forgotten(store: Store) -> None:
    """An attempt that removed a copy and then failed is followed by one that finds none: a copy was removed."""
    one = OneOrder(store)
    await one.orders.ensure_group("edge")
    (one.order_id,) = await one.orders.place([order()])
    (taken,) = await one.orders.take("edge", "c", 1, 10)
    one.writer.put(QueuedPurge(taken, attempts=2, removed=1), REMOVED, START)
    await one.writer.write()
    assert (await one.outcome()).removed == 1


async def test_what_a_dead_controller_met_is_not_known(store: Store) -> None:
    """It may have removed the copy and died before that was on record: none found is no proof that there was none."""
    one = OneOrder(store)
    await one.orders.ensure_group("edge")
    (one.order_id,) = await one.orders.place([order()])
    (taken,) = await one.orders.take("edge", "c", 1, 10)
    one.writer.put(QueuedPurge(taken, attempts=1, taken_over=True), REMOVED, START)
    await one.writer.write()
    assert (await one.outcome()).removed is None


@pytest.mark.parametrize("earlier", [True, False])
async def test_what_an_unanswered_purge_met_is_not_known(store: Store, earlier: bool) -> None:
    """Its answer was lost, and the next one finds nothing: it may have removed the copy itself."""
    one = OneOrder(store)
    await one.orders.ensure_group("edge")
    (one.order_id,) = await one.orders.place([order()])
    (taken,) = await one.orders.take("edge", "c", 1, 10)
    none = Purged(Delivery.VERIFIED, 404, count=0, unanswered=not earlier)
    one.writer.put(QueuedPurge(taken, attempts=2, unanswered=earlier), none, START)
    await one.writer.write()
    found = await one.outcome()
    assert (found.removed, found.detail) == (None, ANSWER_LOST)


async def test_what_a_cache_cannot_do_is_recorded_and_not_repeated(store: Store) -> None:
    """It is neither gone nor refused: no linger time, nothing met, no repeat."""
    one = OneOrder(store, "cannot")
    await one.first(Purged(Delivery.UNSUPPORTED, 0, "by tag"))
    found = await one.outcome()
    assert (found.delivery, found.removed, found.detail) == (Delivery.UNSUPPORTED, None, "by tag")
    assert await one.finished()
    assert await one.orders.refused("cannot") == 0
    assert counted("cannot", "unsupported") == 1
    assert not metrics.registry.get_sample_value("edgeward_linger_seconds_count", {"cache": "cannot"})
    assert sum(met_count("cannot", each) for each in ("removed", "none", "unknown")) == 0


@pytest.mark.parametrize(
    "later",
    [
        REMOVED,
        Purged(Delivery.DELIVERED, 200),
        Purged(Delivery.UNSUPPORTED, 0, "by tag"),
        REFUSED,
    ],
)
async def test_an_order_that_runs_again_keeps_its_outcome(store: Store, later: Purged) -> None:
    """A cache of a name that was written off carries out all orders again. What is on record of one that was carried
    out stays, whatever the new run says: its time, its linger and its copies. They are counted once."""
    one = OneOrder(store, f"again-{later.delivery}")
    await one.first(FOUND, started_at=START - 0.1)
    found = await one.outcome()
    await one.again(later, START + 776)
    assert await one.outcome() == found
    assert (await one.orders.pending(one.cache))[0] == 0
    assert metrics.registry.get_sample_value("edgeward_linger_seconds_count", {"cache": one.cache}) == 1
    assert (met_count(one.cache, "removed"), met_count(one.cache, "none"), met_count(one.cache, "unknown")) == (1, 0, 0)
    assert counted(one.cache, "verified") == 1


async def test_copies_that_an_order_removes_when_it_runs_again_are_added(store: Store) -> None:
    """The new cache of that name had a copy: it is added, with the time at which it went. It is repeated too."""
    one = OneOrder(store, "again-found")
    await one.first(FOUND, started_at=START - 0.1)
    await one.again(FOUND, START + 776)
    found = await one.outcome()
    assert (found.delivery, found.removed, found.attempts, found.at) == (Delivery.VERIFIED, 2, 2, START + 776)
    assert "ran again" in found.detail
    assert counted(one.cache, "stored_again") == 1
    await one.repeat(FOUND, START + 777)
    assert (await one.outcome()).removed == 3


@pytest.mark.parametrize("delivery", [Delivery.REFUSED, Delivery.UNSUPPORTED])
async def test_an_order_that_was_not_carried_out_runs_again_as_at_first(store: Store, delivery: Delivery) -> None:
    """The cache did not do it before: the new run is its first purge."""
    one = OneOrder(store, f"again-after-{delivery}")
    await one.first(Purged(delivery, 403, "no"), started_at=START - 0.1)
    await one.again(FOUND, START + 2)
    found = await one.outcome()
    assert (found.delivery, found.removed, found.at, found.detail) == (Delivery.VERIFIED, 1, START + 2, "")
    assert metrics.registry.get_sample_value("edgeward_linger_seconds_count", {"cache": one.cache}) == 1


async def test_a_new_run_and_a_repeat_add_up(store: Store) -> None:
    """A consumer group that is lost while its repeats are not runs orders beside their repeats: what both remove is
    counted, also if both were taken before either was written."""
    one = OneOrder(store)
    await one.first(FOUND)
    await store.redis.xgroup_destroy(store.key("{purges}", "orders"), one.cache)
    await one.orders.ensure_group(one.cache)
    (taken,) = await one.orders.take(one.cache, "c", 1, 10)
    (due,) = await one.orders.due_repeats(one.cache, START + 1.01)
    one.writer.put(QueuedPurge(due.order, due.repeat_id, due.previous, attempts=1), FOUND, START + 1)
    one.writer.put(QueuedPurge(taken, attempts=1), FOUND, START + 2)
    while (await one.outcome()).at < START + 2:
        await one.writer.write()
    assert (await one.outcome()).removed == 3


class LosesAnAnswer(Orders):
    """The store records the first results, and its answer is lost."""

    answer_lost = False

    async def record_results(self, cache: str, results: Sequence[PurgeResult], outer: Sequence[str] = ()) -> None:
        await super().record_results(cache, results, outer)
        if not self.answer_lost:
            self.answer_lost = True
            raise ConnectionError


async def test_results_that_are_written_twice_count_once(store: Store) -> None:
    """The store had written them, and did not say so: what they wrote themselves is no earlier run."""
    one = OneOrder(store, "again-lost")
    orders = one.orders = LosesAnAnswer(store)
    one.writer = OutcomeWriter(one.orders, one.cache, (1.0,), ())
    with pytest.raises(ConnectionError):
        await one.first(FOUND, started_at=START - 0.1)
    await one.writer.write()
    found = await one.outcome()
    assert (found.removed, found.at, found.detail) == (1, START, "")
    assert metrics.registry.get_sample_value("edgeward_linger_seconds_count", {"cache": one.cache}) == 1
    assert (counted(one.cache, "verified"), counted(one.cache, "stored_again")) == (1, 0)
    orders.answer_lost = False
    with pytest.raises(ConnectionError):
        await one.repeat(FOUND, START + 1)
    await one.writer.write()
    assert (await one.outcome()).removed == 2


def met_count(cache: str, met: str) -> float:
    return metrics.registry.get_sample_value("edgeward_purge_copies_total", {"cache": cache, "met": met}) or 0.0
