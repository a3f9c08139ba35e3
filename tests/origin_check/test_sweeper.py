"""Removals at a real origin become purge orders."""

import asyncio
import io
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from tests.origin_check.scripted_origin import step
from tests.scenarios.pictures import picture
from tests.support.eventually import eventually

from edgeward import metrics
from edgeward.demo.origin import Origin as Site
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.origin_check import host_pauses
from edgeward.origin_check import sweeper as module
from edgeward.origin_check.host_problems import HostState
from edgeward.origin_check.origin import OriginAnswer, OriginState
from edgeward.origin_check.queue import LastCheck, ServedTarget, SweepQueue
from edgeward.origin_check.sweeper import Sweeper
from edgeward.purging.orders import Orders
from edgeward.settings.config import Config, HashingSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Cause, PurgeOrder, Scope, Sighting, Target

BODY = picture(1)
MADE = fingerprint(BODY, HashingSettings())


def target(path: str = "/a.jpg", host: str = "img.test") -> Target:
    return Target("http", host, path)


class Sweep:
    """A sweeper, and what it works with."""

    def __init__(self, store: Store, config: Config, pool: HasherPool) -> None:
        self.queue, self.orders = SweepQueue(store), Orders(store)
        self.sightings = Sightings(store, config.sightings)
        self.sweeper = Sweeper(config, self.queue, self.sightings, self.orders, pool)

    async def serve(self, *targets: Target, budget: float = 100) -> None:
        """Record sightings and report them, as a worker does."""
        await self.sightings.write([Sighting(each, MADE, time.time(), 0) for each in targets])
        await self.queue.report([ServedTarget(each, MADE.sha256[:32], time.time()) for each in targets], budget)

    async def step(self) -> int:
        return await step(self.sweeper)

    async def placed(self) -> list[PurgeOrder]:
        return [order for order, _ in await self.orders.recent()]


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.put("/a.jpg", BODY)
        yield site


@pytest.fixture(scope="module")
def pool() -> HasherPool:
    """Not started: only the fixture `hashing` starts it."""
    return HasherPool(HashingSettings(processes=1, timeout_ms=60_000))


@pytest.fixture(scope="module")
async def hashing(pool: HasherPool) -> AsyncIterator[None]:
    await pool.start()
    yield
    await pool.close()


@pytest.fixture
async def start(store: Store, site: Site, pool: HasherPool) -> AsyncIterator[Callable[..., Sweep]]:
    made: list[Sweep] = []

    hosts_of_site = (
        {"name": "*", "origin": f"http://{site.address}"},
        {"name": "down.test", "origin": "http://127.0.0.1:1"},
    )

    def make(hosts: Sequence[Any] = hosts_of_site, tables: Any = (), **sweep: Any) -> Sweep:
        settings = {"within_seconds": 3600.0, "per_second": 100.0, "timeout_ms": 60_000, **sweep}
        made.append(Sweep(store, Config.model_validate({"hosts": [*hosts], "sweep": settings, **dict(tables)}), pool))
        return made[-1]

    yield make
    for sweep in made:
        await sweep.sweeper.close()


@pytest.fixture
def sweep(start: Callable[..., Sweep]) -> Sweep:
    return start()


async def test_a_long_url_that_the_origin_removed_is_purged(sweep: Sweep, site: Site) -> None:
    """Of several kilobytes, as a signed URL may be: it is followed like any other."""
    long = target("/long.jpg?signature=" + secrets.token_hex(3500))
    site.put(long.path, BODY)
    await sweep.serve(long)
    assert await sweep.step() == 1
    assert await sweep.placed() == []
    assert (await sweep.queue.next_time(ServedTarget(long, MADE.sha256[:32], 0)) or 0) > time.time()
    del site.resources[long.path]
    await sweep.queue.postpone(ServedTarget(long, MADE.sha256[:32], time.time()), time.time() - 1)
    await sweep.queue.record_check(ServedTarget(long, MADE.sha256[:32], time.time()), LastCheck(1.0), time.time() - 1)
    assert await sweep.step() == 1
    assert [(order.target.path, order.cause) for order in await sweep.placed()] == [(long.path, Cause.ORIGIN)]


async def test_an_image_that_is_still_there_stays(sweep: Sweep, site: Site) -> None:
    """It is checked, with a condition the second time, and nothing is purged."""
    await sweep.serve(target())
    assert await sweep.step() == 1
    await sweep.queue.record_check(
        ServedTarget(target(), MADE.sha256[:32], 0), LastCheck(time.time() - 1300, site.resources["/a.jpg"].etag)
    )
    await sweep.serve(target())
    assert await sweep.step() == 1
    assert await sweep.placed() == []
    assert site.count("/a.jpg") == 2


@pytest.mark.parametrize("status", [404, 410, 451])
async def test_a_removed_image_is_purged(sweep: Sweep, site: Site, status: int) -> None:
    """With each variant of it that was seen. Other queries and paths, which the origin may still have, are not."""
    variants = [target(), replace(target(), vary=(("accept", "image/webp"),))]
    others = [target("/a.jpg?x=1"), target("/a.jpg?x=2"), target("/b.jpg"), target("/a.jpg", "other.test")]
    await sweep.serve(*others, variants[1], budget=0)
    await sweep.queue.take(9)
    await sweep.serve(variants[0])
    site.put("/a.jpg", b"", None, status=status)
    await sweep.step()
    placed = await sweep.placed()
    assert {(order.scope, order.target) for order in placed} == {(Scope.TARGET, each) for each in variants}
    assert {(order.cause, order.sha256) for order in placed} == {(Cause.ORIGIN, MADE.sha256)}


async def test_a_removed_query_takes_no_other_with_it(sweep: Sweep, site: Site) -> None:
    """Of a script that serves an image for each id: neither the path without a query, nor another id, nor what was
    forgotten there."""
    for removed, *others in (("/a", "/a?id=1", "/a?id=2"), ("/b?id=1", "/b", "/b?id=2")):
        path = removed.partition("?")[0]
        await sweep.sightings.forgotten.remember_of_image(bytes(16), [target(f"{path}?id=7"), target(f"{path}?id=8")])
        await sweep.serve(*map(target, others), budget=0)
        await sweep.queue.take(9)
        await sweep.serve(target(removed))
        site.put(removed, b"", None, status=404)
        await sweep.step()
    placed = [(order.scope, order.target.path, order.forgotten) for order in await sweep.placed()]
    assert placed == [(Scope.TARGET, "/b?id=1", 0), (Scope.TARGET, "/a", 0)]


async def test_a_removal_is_ordered_once(sweep: Sweep, site: Site) -> None:
    """A removed target is purged once, also if several workers report it one after the other."""
    site.put("/a.jpg", b"", None, status=404)
    for _ in range(3):
        await sweep.serve(target())
        await sweep.step()
    assert len(await sweep.placed()) == 1


@pytest.mark.usefixtures("hashing")
async def test_a_replaced_image_is_purged(sweep: Sweep, site: Site) -> None:
    """If the origin has another picture under the target, the cached one is purged."""
    await sweep.serve(target())
    site.put("/a.jpg", picture(2))
    await sweep.step()
    (order,) = await sweep.placed()
    assert order.why == "the origin has another image there"


@pytest.mark.usefixtures("hashing")
async def test_other_bytes_of_the_same_picture_stay(sweep: Sweep, site: Site) -> None:
    """Images that an origin encodes anew for each request are not purged again and again."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(BODY)).save(buffer, "WEBP", quality=60)
    await sweep.serve(target())
    site.put("/a.jpg", buffer.getvalue(), "image/webp")
    assert await sweep.step() == 1
    assert await sweep.placed() == []


async def test_a_host_that_is_down_is_not_purged_or_asked_again(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a host that is down is purged; it is not asked again during its pause, but other hosts are."""
    monkeypatch.setattr(host_pauses, "PAUSE_SECONDS", (3600.0, 7200.0))
    await sweep.serve(*(target(f"/{number}.jpg", "down.test") for number in range(5)))
    await sweep.step()
    await sweep.serve(target("/6.jpg", "down.test"), target())
    assert await sweep.step() == 1
    assert await sweep.placed() == []


async def test_an_origin_that_cannot_be_reached_is_told(sweep: Sweep, caplog: pytest.LogCaptureFixture) -> None:
    """Once in the log, with its table in the settings and the error; in the metric, and in the record for the doctor.
    And once when it is back."""
    for each in range(2):
        await sweep.serve(*(target(f"/{each}-{number}.jpg", "down.test") for number in range(5)))
        await sweep.step()
        sweep.sweeper._pauses._hosts["down.test"].until = 0.0
    assert caplog.text.count('[[hosts]] name = "down.test" fails') == 1
    (problem,) = await sweep.sweeper._problems.read(time.time())
    assert (problem.host, problem.table, problem.state) == ("down.test", "down.test", HostState.DOWN)
    assert "connection refused" in problem.detail
    assert "connection refused" in caplog.text

    def shown() -> float | None:
        labels = {"table": "down.test", "state": "down"}
        return metrics.registry.get_sample_value("edgeward_sweep_hosts", labels)

    sweep.sweeper._shown_at = 0.0
    await sweep.step()
    assert shown() == 1
    one = ServedTarget(target("/1.jpg", "down.test"), MADE.sha256[:32], time.time())
    for _ in range(2):
        await sweep.sweeper._note_host(one, OriginAnswer(OriginState.SAME))
    assert caplog.text.count('[[hosts]] name = "down.test" answers again') == 1
    sweep.sweeper._shown_at = 0.0
    await sweep.step()
    assert shown() == 0


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_one_target_that_fails_keeps_no_other_of_its_host_waiting(sweep: Sweep, site: Site, status: int) -> None:
    """A refusal, a limit, an error or a slow answer belongs to its target, however often it fails."""
    for number in range(4):
        site.put("/bad.jpg", b"", None, status=status, headers=[("Retry-After", "600")])
        await sweep.serve(target(f"/a.jpg?{number}"), target("/bad.jpg"))
        assert await sweep.step() >= 1
        assert sweep.sweeper._pauses.end("img.test", time.time()) == 0
        await sweep.queue.forget(ServedTarget(target("/bad.jpg"), MADE.sha256[:32], 0))
    assert site.count("/bad.jpg") == 4
    assert [order.target.path for order in await sweep.placed()] == []


async def test_a_pause_that_one_target_asks_for_is_kept(sweep: Sweep, site: Site) -> None:
    """429 with Retry-After: the target is not asked for before, but within the longest pause."""
    for seconds, expected in (("200", 200.0), ("2000", 300.0), ("5", 100.0), ("nonsense", 100.0)):
        path = f"/{seconds}.jpg"
        site.put(path, b"", None, status=429, headers=[("Retry-After", seconds)])
        sweep.sweeper._pacer("img.test").interval = lambda *_: 100.0  # type: ignore[method-assign]
        await sweep.serve(target(path))
        await sweep.step()
        sweep.sweeper._pauses.note_answer("img.test")
        next_time = await sweep.queue.next_time(ServedTarget(target(path), MADE.sha256[:32], 0)) or 0
        assert next_time - time.time() == pytest.approx(expected, abs=10)


async def test_a_host_without_a_known_origin_is_not_asked(start: Callable[..., Sweep]) -> None:
    """If the configuration names no origin for a host, it is not asked."""
    sweep = start(hosts=[])
    await sweep.serve(target())
    assert await sweep.step() == 0


async def test_a_target_is_not_checked_again_at_once(sweep: Sweep, site: Site) -> None:
    """A target is checked again only after a third of the time within which removals must be noticed."""
    for _ in range(3):
        await sweep.serve(target())
        await sweep.step()
    assert site.count("/a.jpg") == 1


async def test_without_enough_responses_nothing_is_checked(sweep: Sweep, site: Site) -> None:
    """A target that waits for the share stays in the queue."""
    await sweep.serve(target(), budget=0.5)
    assert await sweep.step() == 0
    await sweep.queue.report([], 0.5)
    assert await sweep.step() == 1


async def test_a_host_over_its_rate_delays_no_other(start: Callable[..., Sweep], site: Site) -> None:
    """Hosts take turns."""
    sweep = start(per_second=1.0)
    await sweep.serve(target("/a.jpg", "other.test"))
    await sweep.serve(*(target(f"/{number}.jpg", "busy.test") for number in range(70)))
    await sweep.step()
    assert site.count("/a.jpg") == 1


async def test_a_host_over_its_rate_is_refused_once_in_a_while(start: Callable[..., Sweep]) -> None:
    """However many steps there are, as other hosts have something to check: the refusals only slow its pace down."""
    sweep, refused = start(per_second=0.001), 0
    await sweep.serve(*(target(f"/{number}.jpg", "busy.test") for number in range(9)))
    put_back = sweep.queue.put_back

    async def count(served: Sequence[ServedTarget]) -> None:
        nonlocal refused
        refused += len(served)
        await put_back(served)

    sweep.queue.put_back = count  # type: ignore[method-assign]
    for _ in range(20):
        await sweep.step()
    assert refused == 1


async def test_a_host_that_hangs_delays_no_other(sweep: Sweep, site: Site) -> None:
    """Its checks go on for as long as they may take, only some of them at a time, while others are checked."""
    for number in range(20):
        site.put(f"/slow{number}.jpg", BODY, delay=60.0)
    await sweep.serve(*(target(f"/slow{number}.jpg", "slow.test") for number in range(20)))
    await sweep.serve(target(), target("/b.jpg"))

    async def checked() -> bool:
        await sweep.sweeper._step()
        return site.count("/a.jpg") == site.count("/b.jpg") == 1

    await eventually(checked)
    hanging = list(sweep.sweeper._checks.values()).count("slow.test")
    assert module.CONCURRENT_CHECKS_OF_HOST <= hanging < 2 * module.CONCURRENT_CHECKS_OF_HOST


async def test_the_oldest_check_of_each_table_is_shown(start: Callable[..., Sweep]) -> None:
    """How long ago the last check of a target was when it came, or how long those that wait will take."""
    sweep = start(per_second=0.5)

    def shown() -> float | None:
        return metrics.registry.get_sample_value("edgeward_sweep_oldest_check_seconds", {"table": "*"})

    await sweep.serve(*(target(f"/{number}.jpg") for number in range(31)))
    await sweep.step()
    sweep.sweeper._shown_at = 0.0
    await sweep.sweeper._show()
    assert shown() == 60
    sweep.sweeper._ages.note("*", 4000.0, time.time())
    sweep.sweeper._shown_at = 0.0
    await sweep.sweeper._show()
    assert shown() == 4000


async def test_a_target_that_nobody_requested_is_not_late(start: Callable[..., Sweep], site: Site) -> None:
    """It is checked when it is requested again: the time before that delays no removal, and must raise no alert."""

    def counted() -> float | None:
        return metrics.registry.get_sample_value("edgeward_sweep_interval_seconds_count")

    for views, late in ((0, False), (3, True)):
        sweep, before = start(), counted() or 0.0
        last = LastCheck(sweep.queue.now() - 900)
        await sweep.queue.record_check(
            replace(ServedTarget(target(), MADE.sha256[:32], last.at), views=views), last, time.time() - 1
        )
        await sweep.serve(target())
        requests = site.count("/a.jpg")
        assert await sweep.step() == 1
        assert site.count("/a.jpg") == requests + 1
        assert (counted(), sweep.sweeper._ages.oldest("*", sweep.queue.now()) > 800) == (before + late, late)


async def test_runs_in_the_background(sweep: Sweep, site: Site) -> None:
    """A started sweeper finds a removal by itself."""
    await sweep.sweeper.start()
    site.put("/a.jpg", b"", None, status=404)
    await sweep.serve(target())
    await eventually(sweep.placed)


async def test_checks_that_fail_do_not_end_the_sweep(
    start: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that is cancelled from elsewhere is a defect, each of several is counted, and the sweep goes on."""
    monkeypatch.setattr(module, "TICK_SECONDS", 0.01)
    sweep = start()

    def defects() -> float:
        return metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "sweep"}) or 0.0

    failures: list[BaseException] = [asyncio.CancelledError(), ValueError()]
    checked: list[ServedTarget] = []

    async def check(served: ServedTarget) -> bool:
        checked.append(served)
        if failures:
            raise failures.pop(0)
        return True

    monkeypatch.setattr(sweep.sweeper, "_check", check)
    before = defects()
    await sweep.serve(target("/a.jpg"), target("/b.jpg"))
    await sweep.sweeper.start()
    await eventually(lambda: defects() == before + 2)
    await sweep.serve(target("/c.jpg"))
    await eventually(lambda: len(checked) == 3)


async def test_what_is_not_scanned_is_not_asked_for(start: Callable[..., Sweep], site: Site) -> None:
    """Also what was seen there before: its body would be compared, and so looked at."""
    sweep = start(tables={"scan_exceptions": [{"hosts": ["law.test"]}]})
    await sweep.serve(target(host="law.test"), target())
    assert (await sweep.step(), site.count("/a.jpg")) == (1, 1)
