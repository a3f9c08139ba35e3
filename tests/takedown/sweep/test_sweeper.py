"""Removals at a real origin become purge orders."""

import io
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from PIL import Image
from tests.scenarios.pictures import picture
from tests.takedown.conftest import until

from edgeward.config import Config, HashingSettings
from edgeward.demo.origin import Origin as Site
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.store.connection import Store
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.seen.sightings import Sightings
from edgeward.takedown.sweep import sweeper as module
from edgeward.takedown.sweep.queue import Checked, Served, SweepQueue
from edgeward.takedown.sweep.sweeper import Sweeper
from edgeward.types import Cause, PurgeOrder, Sighting, Target

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
        """As a worker would: on record, and reported."""
        await self.sightings.write([Sighting(each, MADE, time.time(), 0) for each in targets])
        await self.queue.report([Served(each, MADE.sha256[:32], time.time()) for each in targets], budget)

    async def step(self) -> int:
        return await self.sweeper._step()

    async def placed(self) -> list[PurgeOrder]:
        return [order for order, _ in await self.orders.recent()]


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.put("/a.jpg", BODY)
        yield site


@pytest.fixture(scope="module")
def pool() -> HasherPool:
    """Started only for those who need to hash."""
    return HasherPool(HashingSettings(processes=1, timeout_ms=60_000))


@pytest.fixture(scope="module")
async def hashing(pool: HasherPool) -> AsyncIterator[None]:
    await pool.start()
    yield
    await pool.close()


@pytest.fixture
async def start(store: Store, site: Site, pool: HasherPool) -> AsyncIterator[Callable[..., Sweep]]:
    made: list[Sweep] = []

    def make(**sweep: Any) -> Sweep:
        hosts = [
            {"name": "*", "origin": f"http://{site.address}"},
            {"name": "down.test", "origin": "http://127.0.0.1:1"},
        ]
        settings = {"within_seconds": 3600.0, "per_second": 100.0, "timeout_ms": 60_000, **sweep}
        made.append(Sweep(store, Config.model_validate({"hosts": hosts, "sweep": settings}), pool))
        return made[-1]

    yield make
    for sweep in made:
        await sweep.sweeper.close()


@pytest.fixture
def sweep(start: Callable[..., Sweep]) -> Sweep:
    return start()


async def test_what_is_still_there_stays(sweep: Sweep, site: Site) -> None:
    """It is asked for, by condition the second time, and nothing is ordered."""
    await sweep.serve(target())
    assert await sweep.step() == 1
    await sweep.queue.note_checked(
        Served(target(), MADE.sha256[:32], 0), Checked(time.time() - 1300, site.resources["/a.jpg"].etag)
    )
    await sweep.serve(target())
    assert await sweep.step() == 1
    assert await sweep.placed() == []
    assert site.count("/a.jpg") == 2


@pytest.mark.parametrize("status", [404, 410, 451])
async def test_what_was_removed_is_ordered_out(sweep: Sweep, site: Site, status: int) -> None:
    """With every spelling and query of it that was seen, and what served another path stays."""
    spellings = [target("/a.jpg"), target("/a.jpg?x=1"), target("/%61.jpg")]
    await sweep.serve(*spellings[1:], target("/b.jpg"), budget=0)
    await sweep.queue.take(9)
    await sweep.serve(spellings[0])
    site.put("/a.jpg", b"", None, status=status)
    await sweep.step()
    placed = await sweep.placed()
    assert {order.target.path for order in placed} == {each.path for each in spellings}
    assert {(order.cause, order.sha256) for order in placed} == {(Cause.ORIGIN, MADE.sha256)}


async def test_a_removal_is_ordered_once(sweep: Sweep, site: Site) -> None:
    """Also when several workers report the target one after the other."""
    site.put("/a.jpg", b"", None, status=404)
    for _ in range(3):
        await sweep.serve(target())
        await sweep.step()
    assert len(await sweep.placed()) == 1


@pytest.mark.usefixtures("hashing")
async def test_what_was_replaced_is_ordered_out(sweep: Sweep, site: Site) -> None:
    """Another picture under the same target means that the cached one is taken down."""
    await sweep.serve(target())
    site.put("/a.jpg", picture(2))
    await sweep.step()
    (order,) = await sweep.placed()
    assert order.why == "the origin has another image there"


@pytest.mark.usefixtures("hashing")
async def test_other_bytes_of_the_same_picture_stay(sweep: Sweep, site: Site) -> None:
    """An origin that compresses anew for each request is not purged round after round."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(BODY)).save(buffer, "WEBP", quality=60)
    await sweep.serve(target())
    site.put("/a.jpg", buffer.getvalue(), "image/webp")
    assert await sweep.step() == 1
    assert await sweep.placed() == []


async def test_a_host_that_is_down_purges_nothing_and_is_left_alone(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much of it is still being served; other hosts go on being asked."""
    monkeypatch.setattr(module, "REST_SECONDS", (3600.0, 7200.0))
    await sweep.serve(*(target(f"/{number}.jpg", "down.test") for number in range(5)))
    await sweep.step()
    await sweep.serve(target("/6.jpg", "down.test"), target())
    assert await sweep.step() == 1
    assert await sweep.placed() == []


async def test_a_host_that_stays_down_is_asked_ever_more_rarely(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rest is doubled each time that it is asked in vain, however many requests that were."""
    monkeypatch.setattr(module, "REST_SECONDS", (3600.0, 10_000.0))
    for rest in (3600, 7200, 10_000, 10_000):
        await sweep.serve(*(target(f"/{number}.jpg", "down.test") for number in range(5)))
        before = time.time()
        assert await sweep.step() == 5
        until, last = sweep.sweeper._rests["down.test"]
        assert last == rest
        assert before + rest <= until <= time.time() + rest
        sweep.sweeper._rests["down.test"] = before, last  # it is over


async def test_a_host_without_a_known_origin_is_not_asked(store: Store, start: Callable[..., Sweep]) -> None:
    """In front of a cache nobody knows what lies behind it, unless the operator says so."""
    sweep = start()
    sweep.sweeper._config = Config()
    await sweep.serve(target())
    assert await sweep.step() == 0


async def test_a_target_is_not_asked_for_again_at_once(sweep: Sweep, site: Site) -> None:
    """Only when it was served again and a third of the time has passed."""
    for _ in range(3):
        await sweep.serve(target())
        await sweep.step()
    assert site.count("/a.jpg") == 1


async def test_without_enough_responses_nobody_is_asked(sweep: Sweep, site: Site) -> None:
    """What waits for its share keeps its place."""
    await sweep.serve(target(), budget=0.5)
    assert await sweep.step() == 0
    await sweep.queue.report([], 0.5)
    assert await sweep.step() == 1


async def test_a_busy_host_does_not_hold_up_others(
    start: Callable[..., Sweep], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one host's rate refuses leaves the head of the queue."""
    monkeypatch.setattr(module, "BUSY_SECONDS", (3600.0, 3600.0))
    sweep = start(per_second=1.0)
    await sweep.serve(target("/a.jpg", "other.test"))
    await sweep.serve(*(target(f"/{number}.jpg", "busy.test") for number in range(70)))
    for _ in range(4):
        await sweep.step()
    assert site.count("/a.jpg") == 1


async def test_it_works_by_itself(sweep: Sweep, site: Site) -> None:
    """Started, it finds a removal without being told."""
    await sweep.sweeper.start()
    site.put("/a.jpg", b"", None, status=404)
    await sweep.serve(target())
    await until(sweep.placed)
