"""Images wait for a classifier: each sampled one is looked at once, and nothing that it does reaches further."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable

import pytest
from prometheus_client import Counter
from tests.classifying.conftest import HASHING, SETTINGS, Installed, asking

from edgeward import metrics
from edgeward.classifying import desk as module
from edgeward.classifying.claims import Claims
from edgeward.classifying.desk import Desk, is_sampled
from edgeward.classifying.process import ClassifierProcess
from edgeward.config import ClassifierSettings
from edgeward.store.connection import Store
from edgeward.types import Fingerprint, Target

TARGET = Target("http", "img.test", "/a")


class Bench:
    """Desks that report here."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.told: list[tuple[str, str, float]] = []
        self.desks: list[Desk] = []
        self._before = {result: self._count(result) for result in ("labelled", "unlabelled", "dropped", "failed")}

    def desk(self, settings: ClassifierSettings = SETTINGS) -> Desk:
        def report(classifier: str, target: Target, sha256: str, label: str, score: float) -> None:
            assert (classifier, target) == ("model", TARGET)
            self.told.append((sha256, label, score))

        desk = Desk(settings, HASHING, Claims(self.store, "model", "1.0", 30), report)
        self.desks.append(desk)
        return desk

    def counts(self) -> dict[str, int]:
        return {result: int(self._count(result) - before) for result, before in self._before.items()}

    @staticmethod
    def _count(result: str) -> float:
        counter: Counter = metrics.classified
        return counter.labels("model", result)._value.get()  # type: ignore[no-any-return]


@pytest.fixture
async def bench(store: Store, model: Installed) -> AsyncIterator[Bench]:
    bench = Bench(store)
    yield bench
    for desk in bench.desks:
        await desk.close()


def offer(desk: Desk, body: bytes, media_type: str = "image/png") -> str:
    sha256 = hashlib.sha256(body).hexdigest()
    desk.offer(TARGET, Fingerprint(sha256, media_type, len(body), signals=()), body, ())
    return sha256


async def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


async def test_what_it_says_above_the_threshold_is_reported(bench: Bench) -> None:
    """With the image's digest; labels below it, and images without a label, are counted alone. Each is asked once."""
    desk = bench.desk()
    await desk.start()
    bodies = [asking(101), asking(102), asking(103), asking(104)]
    sha256, *_ = [offer(desk, body) for body in (*bodies, *bodies)]
    await until(lambda: sum(bench.counts().values()) == 4)
    assert bench.counts() == {"labelled": 1, "unlabelled": 2, "dropped": 0, "failed": 1}
    assert bench.told == [(sha256, "a.dog_2 -", 0.9123)]


async def test_workers_share_the_work(bench: Bench) -> None:
    """An image that two of them meet is looked at by one."""
    desks = [bench.desk(), bench.desk()]
    for desk in desks:
        await desk.start()
    for desk in desks:
        for height in range(32, 40):
            offer(desk, asking(102, height))
    await until(lambda: all(desk._waiting.empty() for desk in desks) and bench.counts()["unlabelled"] >= 8)
    assert bench.counts() == {"labelled": 0, "unlabelled": 8, "dropped": 0, "failed": 0}


async def test_a_process_that_ends_is_replaced(bench: Bench) -> None:
    """It hangs, takes all memory or crashes: those images failed, and the next is looked at."""
    desk = bench.desk(SETTINGS.model_copy(update={"timeout_ms": 100}))
    await desk.start()
    await until(lambda: desk.pid is not None)
    first = desk.pid
    offer(desk, asking(201))
    await until(lambda: bench.counts()["failed"] == 1)
    desk._settings = SETTINGS  # what does not hang has all the time that it needs
    for width in (202, 203, 101):
        offer(desk, asking(width))
    await until(lambda: bench.counts()["labelled"] == 1)
    assert bench.counts() == {"labelled": 1, "unlabelled": 0, "dropped": 0, "failed": 3}
    assert desk.pid not in (None, first)


async def test_nobody_waits_for_one_that_hangs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is at an image others have their turns, and offer more."""
    begun = asyncio.Event()
    original = ClassifierProcess.ask

    async def ask(process: ClassifierProcess, question: bytes, body: bytes) -> None:
        await original(process, question, body)
        begun.set()

    monkeypatch.setattr(ClassifierProcess, "ask", ask)
    desk = bench.desk()
    await desk.start()
    offer(desk, asking(201))
    await asyncio.wait_for(begun.wait(), 60)
    offer(desk, asking(101))
    assert desk._waiting.qsize() == 1
    assert not any(bench.counts().values())


async def test_one_that_ended_while_idle_costs_no_image(bench: Bench) -> None:
    """The next image is looked at by its successor."""
    desk = bench.desk()
    await desk.start()
    await until(lambda: desk.pid is not None)
    assert desk._process
    desk._process.kill("crashed")
    offer(desk, asking(101))
    await until(lambda: bench.counts()["labelled"] == 1)
    assert bench.counts()["failed"] == 0


async def test_what_finds_no_room_is_dropped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond `queue` images, or HELD_BYTES of them, more are counted and forgotten; they may come again."""
    desk = bench.desk(SETTINGS.model_copy(update={"queue": 3}))
    for height in range(32, 40):
        offer(desk, asking(102, height))
    assert (desk._waiting.qsize(), bench.counts()["dropped"]) == (3, 5)
    narrow = bench.desk()
    monkeypatch.setattr(module, "HELD_BYTES", 10)
    for height in (32, 33):
        offer(narrow, asking(102, height))
    assert (narrow._waiting.qsize(), bench.counts()["dropped"]) == (1, 6)
    await desk.start()
    await until(lambda: bench.counts()["unlabelled"] == 3)
    assert desk._held == 0
    offer(desk, asking(102, 39))
    await until(lambda: bench.counts()["unlabelled"] == 4)


async def test_what_no_decoder_reads_is_not_offered(bench: Bench) -> None:
    """A text that shows images, or a format without a decoder, never waits."""
    desk = bench.desk()
    for media_type in ("image/svg+xml", "text/html", "image/jxr", ""):
        offer(desk, b"a body of " + media_type.encode(), media_type)
    assert desk._waiting.empty()


async def test_without_the_store_images_are_dropped(model: Installed) -> None:
    """Nobody can say then who has looked at what."""
    store = Store("redis://127.0.0.1:1", "none", 50)
    bench = Bench(store)
    desk = bench.desk()
    await desk.start()
    offer(desk, asking(101))
    await until(lambda: bench.counts()["dropped"] == 1)
    await desk.close()
    await store.close()


def test_the_sample_is_of_that_share() -> None:
    """The same images for everybody; all of them, none, or nearly the share that was asked for."""
    chance = random.Random(1)
    images = [chance.randbytes(32).hex() for _ in range(20_000)]
    for share in (0.01, 0.5):
        assert sum(is_sampled(image, share) for image in images) == pytest.approx(share * len(images), rel=0.2)
    assert all(is_sampled(image, 1.0) for image in images)
    assert not any(is_sampled(image, 0.0) for image in images)
    assert is_sampled("ff" * 32, 1.0)
    assert not is_sampled("00" * 32, 0.0)
