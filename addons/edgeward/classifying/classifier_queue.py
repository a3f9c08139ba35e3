"""The queue of one classifier, bounded in number and bytes; more images are dropped. Requests do not wait for it."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from edgeward import metrics
from edgeward.background.ttl_set import TtlSet
from edgeward.background.worker_loop import WorkerLoop
from edgeward.classifying.claims import Claims
from edgeward.classifying.labels import Label
from edgeward.classifying.process import ClassifierProcess
from edgeward.hashing.media_types import DECODABLE
from edgeward.isolation.exit_status import describe_exit
from edgeward.isolation.isolated_process import ProcessDied
from edgeward.settings.classifier_settings import ClassifierSettings
from edgeward.settings.config import HashingSettings
from edgeward.store.connection import STORE_AWAY
from edgeward.types import Fingerprint, Target

logger = logging.getLogger(__name__)

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Of all images that wait; a single image may have more."""
REMEMBERED_SECONDS = 3600.0
REMEMBERED_IMAGES = 20_000
"""Images that were queued, and are not queued again within REMEMBERED_SECONDS."""
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 30.0
"""Longest pause between two attempts to start the process."""

type Report = Callable[[str, Target, str, str, float], None]
"""Called with the classifier's name, the image's target and SHA-256, a label and its score; for review."""


class QueuedImage(NamedTuple):
    """An image that waits for the classifier."""

    target: Target
    sha256: str
    body: bytes
    codings: tuple[str, ...]


class ClassifierQueue:
    """One classifier, and the images that wait for it. Call `start` before `offer`, and `close` at the end."""

    def __init__(self, settings: ClassifierSettings, hashing: HashingSettings, claims: Claims, report: Report) -> None:
        self._settings, self._hashing, self._claims, self._report = settings, hashing, claims, report
        self._waiting: asyncio.Queue[QueuedImage] = asyncio.Queue(settings.queue)
        self.waiting_bytes = 0
        """Of the bodies of images that wait, and of the one that is being classified."""
        self._remembered = TtlSet(REMEMBERED_SECONDS, REMEMBERED_IMAGES)
        self._process: ClassifierProcess | None = None
        self._pause = 0.0
        self._loop = WorkerLoop(
            f"classifier {settings.name}",
            self._classify_next,
            metric_label="classifying",
            retry_seconds=(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
        )

    def __len__(self) -> int:
        """How many images wait."""
        return self._waiting.qsize()

    @property
    def pid(self) -> int | None:
        """The process id of the classifier; None while it is not running."""
        return self._process.pid if self._process and self._process.alive else None

    async def start(self) -> None:
        """Returns before the process is ready. A model that can't be loaded is logged, and tried again."""
        await self._loop.start()

    async def close(self) -> None:
        """End the process. Images that wait are not classified."""
        await self._loop.close()
        if self._process:
            await self._process.close()

    def offer(self, target: Target, image: Fingerprint, body: bytes, codings: tuple[str, ...]) -> None:
        """Queue an image that was delivered, if it is in the sample, is new, and fits in."""
        if image.media_type not in DECODABLE or not is_sampled(image.sha256, self._settings.sample):
            return
        if image.sha256 in self._remembered:
            return
        if self._waiting.full() or (self.waiting_bytes and self.waiting_bytes + len(body) > MAX_WAITING_BYTES):
            self._count("dropped")
            return
        self._remembered.add(image.sha256)
        self.waiting_bytes += len(body)
        self._waiting.put_nowait(QueuedImage(target, image.sha256, body, codings))

    async def _classify_next(self) -> None:
        if self._process is None:  # it starts before there is an image
            await self._running_process()
        image = await self._waiting.get()
        try:
            process = await self._running_process()  # it may have ended while it was idle
            # Claimed first: of all workers that have this image, one classifies it.
            if await self._claims.take(image.sha256):
                await self._classify(process, image)
        except STORE_AWAY:
            self._count("dropped")
        except Exception:
            # A defect must cost one image, not all that come after it: it is counted.
            metrics.gate_errors.labels("classifying").inc()
            logger.exception("an image could not be classified")
        finally:
            self.waiting_bytes -= len(image.body)

    async def _classify(self, process: ClassifierProcess, image: QueuedImage) -> None:
        started = time.monotonic()
        labels = await self._labels(process, image)
        if labels is None:
            self._count("failed")
            return
        metrics.classifier_seconds.labels(self._settings.name).observe(time.monotonic() - started)
        reported = [label for label in labels if label.score >= self._settings.threshold]
        for label in reported:
            self._report(self._settings.name, image.target, image.sha256, label.name, label.score)
        self._count("labelled" if reported else "unlabelled")

    async def _labels(self, process: ClassifierProcess, image: QueuedImage) -> tuple[Label, ...] | None:
        """None: the classifier failed. A process that hangs or has crashed is killed, and replaced later."""
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                labels = await process.classify(image.body, image.codings)
        except TimeoutError:
            process.kill("timeout")
            return None
        except ProcessDied:
            process.kill("crashed")
            return None
        # It works: should it end, it is restarted at once.
        self._pause = 0.0
        return labels

    async def _running_process(self) -> ClassifierProcess:
        """The process; a new one if it has ended. The pauses between attempts to start it double."""
        while self._process is None or not self._process.alive:
            if self._process:
                await self._close_ended(self._process)
            await asyncio.sleep(self._pause)
            self._pause = min(max(2 * self._pause, FIRST_PAUSE_SECONDS), MAX_PAUSE_SECONDS)
            try:
                self._process = await ClassifierProcess.start(self._settings, self._hashing)
            except (ProcessDied, OSError) as error:
                logger.error("the classifier %s does not start: %s", self._settings.name, error)
        return self._process

    async def _close_ended(self, process: ClassifierProcess) -> None:
        self._process = None
        await process.close()
        status = await process.ended()
        name, cause = self._settings.name, process.cause
        logger.warning("the classifier %s %s (%s) and is replaced", name, describe_exit(status), cause)

    def _count(self, result: str) -> None:
        metrics.classified.labels(self._settings.name, result).inc()


def is_sampled(sha256: str, share: float) -> bool:
    """Whether an image is in the sample. Every worker on every machine chooses the same images."""
    return int(sha256[:16], 16) < share * 2**64
