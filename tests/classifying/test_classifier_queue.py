"""Images wait for a classifier: each sampled one is classified once, and a failure costs only its image."""

import asyncio
import hashlib
import os
import random
import signal
from collections.abc import AsyncIterator

import pytest
from tests.classifying.conftest import HASHING, SETTINGS, Installed, picture_for
from tests.support.eventually import eventually

from edgeward import metrics
from edgeward.classifying import classifier_queue as module
from edgeward.classifying.claims import Claims
from edgeward.classifying.classifier_queue import ClassifierQueue, is_sampled
from edgeward.classifying.process import ClassifierProcess
from edgeward.settings.classifier_settings import ClassifierSettings
from edgeward.settings.config import HashingSettings
from edgeward.store.connection import Store
from edgeward.types import Fingerprint, Target

TARGET = Target("http", "img.test", "/a")


class Bench:
    """Queues that report here."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.reported: list[tuple[str, str, float]] = []
        self.queues: list[ClassifierQueue] = []
        self._before = {result: self._count(result) for result in ("labelled", "unlabelled", "dropped", "failed")}

    def queue(self, settings: ClassifierSettings = SETTINGS) -> ClassifierQueue:
        def report(classifier: str, target: Target, sha256: str, label: str, score: float) -> None:
            assert (classifier, target) == ("model", TARGET)
            self.reported.append((sha256, label, score))

        queue = ClassifierQueue(settings, HASHING, Claims(self.store, "model", "1.0", 30), report)
        self.queues.append(queue)
        return queue

    def counts(self) -> dict[str, int]:
        return {result: int(self._count(result) - before) for result, before in self._before.items()}

    @staticmethod
    def _count(result: str) -> float:
        labels = {"classifier": "model", "result": result}
        return metrics.registry.get_sample_value("edgeward_classified_total", labels) or 0


@pytest.fixture
async def bench(store: Store, model: Installed) -> AsyncIterator[Bench]:
    bench = Bench(store)
    yield bench
    for queue in bench.queues:
        await queue.close()


def offer(queue: ClassifierQueue, body: bytes, media_type: str = "image/png") -> str:
    sha256 = hashlib.sha256(body).hexdigest()
    queue.offer(TARGET, Fingerprint(sha256, media_type, len(body), signals=()), body, ())
    return sha256


async def test_labels_above_the_threshold_are_reported(bench: Bench) -> None:
    """With the image's digest. Lower labels, and images without labels, are only counted. Each is classified once."""
    queue = bench.queue()
    await queue.start()
    bodies = [picture_for(101), picture_for(102), picture_for(103), picture_for(104)]
    sha256, *_ = [offer(queue, body) for body in (*bodies, *bodies)]
    await eventually(lambda: sum(bench.counts().values()) == 4)
    assert bench.counts() == {"labelled": 1, "unlabelled": 2, "dropped": 0, "failed": 1}
    assert bench.reported == [(sha256, "a.dog_2 -", 0.9123)]


async def test_workers_share_the_work(bench: Bench) -> None:
    """An image that two of them serve is classified by one."""
    queues = [bench.queue(), bench.queue()]
    for queue in queues:
        await queue.start()
    for queue in queues:
        for height in range(32, 40):
            offer(queue, picture_for(102, height))
    await eventually(lambda: all(len(queue) == 0 for queue in queues) and bench.counts()["unlabelled"] >= 8)
    assert bench.counts() == {"labelled": 0, "unlabelled": 8, "dropped": 0, "failed": 0}


async def test_a_process_that_ends_is_replaced(bench: Bench) -> None:
    """It hangs, takes all memory or crashes: those images fail, and the next is classified."""
    queue = bench.queue(SETTINGS.model_copy(update={"timeout_ms": 100}))
    await queue.start()
    await eventually(lambda: queue.pid is not None)
    first = queue.pid
    offer(queue, picture_for(201))
    await eventually(lambda: bench.counts()["failed"] == 1)
    queue._settings = SETTINGS  # what does not hang has all the time that it needs
    for width in (202, 203, 101):
        offer(queue, picture_for(width))
    await eventually(lambda: bench.counts()["labelled"] == 1)
    assert bench.counts() == {"labelled": 1, "unlabelled": 0, "dropped": 0, "failed": 3}
    assert queue.pid not in (None, first)


async def test_a_hanging_process_holds_up_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it works on an image the event loop goes on, and more images are queued."""
    begun = asyncio.Event()
    original = ClassifierProcess.ask

    async def ask(process: ClassifierProcess, request: bytes, body: bytes) -> None:
        await original(process, request, body)
        begun.set()

    monkeypatch.setattr(ClassifierProcess, "ask", ask)
    queue = bench.queue()
    await queue.start()
    offer(queue, picture_for(201))
    await asyncio.wait_for(begun.wait(), 60)
    offer(queue, picture_for(101))
    assert len(queue) == 1
    assert not any(bench.counts().values())


async def test_a_process_that_ended_while_idle_costs_no_image(bench: Bench) -> None:
    """Its successor classifies the next image."""
    queue = bench.queue()
    await queue.start()
    await eventually(lambda: queue.pid is not None)
    assert queue.pid
    os.kill(queue.pid, signal.SIGKILL)
    await eventually(lambda: queue.pid is None)
    offer(queue, picture_for(101))
    await eventually(lambda: bench.counts()["labelled"] == 1)
    assert bench.counts()["failed"] == 0


async def test_images_beyond_the_limits_are_dropped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond `queue` images, or MAX_WAITING_BYTES, more are counted and forgotten; they may be offered again."""
    queue = bench.queue(SETTINGS.model_copy(update={"queue": 3}))
    for height in range(32, 40):
        offer(queue, picture_for(102, height))
    assert (len(queue), bench.counts()["dropped"]) == (3, 5)
    narrow = bench.queue()
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 10)
    for height in (32, 33):
        offer(narrow, picture_for(102, height))
    assert (len(narrow), bench.counts()["dropped"]) == (1, 6)
    await queue.start()
    await eventually(lambda: bench.counts()["unlabelled"] == 3)
    assert queue.waiting_bytes == 0
    offer(queue, picture_for(102, 39))
    await eventually(lambda: bench.counts()["unlabelled"] == 4)


async def test_what_can_not_be_decoded_is_not_queued(bench: Bench) -> None:
    """Text that shows images, or a format without a decoder, never waits."""
    queue = bench.queue()
    for media_type in ("image/svg+xml", "text/html", "image/jxr", ""):
        offer(queue, b"a body of " + media_type.encode(), media_type)
    assert len(queue) == 0


async def test_without_the_store_images_are_dropped(model: Installed) -> None:
    """Without it images can't be claimed."""
    store = Store("redis://127.0.0.1:1", "none", 50)
    bench = Bench(store)
    queue = bench.queue()
    await queue.start()
    offer(queue, picture_for(101))
    await eventually(lambda: bench.counts()["dropped"] == 1)
    await queue.close()
    await store.close()


def test_the_sample_is_of_that_share() -> None:
    """The same images for every worker: all, none, or nearly the given share."""
    chance = random.Random(1)
    images = [chance.randbytes(32).hex() for _ in range(20_000)]
    for share in (0.01, 0.5):
        assert sum(is_sampled(image, share) for image in images) == pytest.approx(share * len(images), rel=0.2)
    assert all(is_sampled(image, 1.0) for image in images)
    assert not any(is_sampled(image, 0.0) for image in images)
    assert is_sampled("ff" * 32, 1.0)
    assert not is_sampled("00" * 32, 0.0)


async def test_a_defect_at_the_start_does_not_end_the_queue(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the first start raises is counted, and tried again: images are classified. Closing ends the process."""
    start, defects = ClassifierProcess.start, [ValueError()]

    async def fail_once(settings: ClassifierSettings, hashing: HashingSettings) -> ClassifierProcess:
        if defects:
            raise defects.pop()
        return await start(settings, hashing)

    monkeypatch.setattr(ClassifierProcess, "start", fail_once)
    before = metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "classifying"}) or 0
    queue = bench.queue()
    await queue.start()
    offer(queue, picture_for(101))
    await eventually(lambda: bench.counts()["labelled"] == 1)
    assert metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "classifying"}) == before + 1
    await queue.close()
    assert queue.pid is None
