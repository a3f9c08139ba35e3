"""Images wait here for one classifier, off every request's path: bounded in number and bytes, dropped beyond."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from edgeward import metrics
from edgeward.classifying.claims import Claims
from edgeward.classifying.labels import Label
from edgeward.classifying.process import ClassifierProcess
from edgeward.config import ClassifierSettings, HashingSettings
from edgeward.hashing.media import DECODABLE
from edgeward.isolation.isolated import ProcessDied
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.recent import Recent
from edgeward.types import Fingerprint, Target

logger = logging.getLogger(__name__)

HELD_BYTES = 64 * 1024 * 1024
"""Of all images that wait; one alone may have more."""
OFFERED_SECONDS = 3600.0
OFFERED = 20_000
"""So many images, for so long, are not looked up again."""
LONGEST_PAUSE = 30.0

type Report = Callable[[str, Target, str, str, float], None]
"""Takes the classifier's name, where the image was met, its SHA-256, a label and its score: for people to review."""


class Sample(NamedTuple):
    """An image on its way to the classifier."""

    target: Target
    sha256: str
    body: bytes
    codings: tuple[str, ...]


class Desk:
    """One classifier's. Use `start` before and `close` after."""

    def __init__(self, settings: ClassifierSettings, hashing: HashingSettings, claims: Claims, report: Report) -> None:
        self._settings, self._hashing, self._claims, self._report = settings, hashing, claims, report
        self._waiting: asyncio.Queue[Sample] = asyncio.Queue(settings.queue)
        self._held = 0
        self._offered = Recent(OFFERED_SECONDS, OFFERED)
        self._process: ClassifierProcess | None = None
        self._task: asyncio.Task[None] | None = None
        self._pause = 0.0

    @property
    def pid(self) -> int | None:
        """The classifier's process id, if it is there."""
        return self._process.pid if self._process and self._process.alive else None

    async def start(self) -> None:
        """Begin. The process gets ready meanwhile: a model that can't be loaded is logged and tried again."""
        self._task = asyncio.create_task(self._run(), name=f"classifier {self._settings.name}")

    async def close(self) -> None:
        """End the process; images that wait are not looked at."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._process:
            await self._process.close()

    def offer(self, target: Target, image: Fingerprint, body: bytes, codings: tuple[str, ...]) -> None:
        """An image that no list knows was met at `target`: it waits if it is of the sample and there is room."""
        if image.media_type not in DECODABLE or not is_sampled(image.sha256, self._settings.sample):
            return
        if image.sha256 in self._offered:
            return
        if self._waiting.full() or (self._held and self._held + len(body) > HELD_BYTES):
            self._count("dropped")
            return
        self._offered.add(image.sha256)
        self._held += len(body)
        self._waiting.put_nowait(Sample(target, image.sha256, body, codings))

    async def _run(self) -> None:
        process = await self._live()
        while True:
            sample = await self._waiting.get()
            try:
                process = await self._live()  # it may have ended while there was nothing to do
                await self._take(process, sample)
            except STORE_AWAY:
                self._count("dropped")
            except Exception:
                # A defect must cost one image, not all that come after it: it is counted.
                metrics.gate_errors.labels("classifying").inc()
                logger.exception("an image could not be classified")
            finally:
                self._held -= len(sample.body)

    async def _take(self, process: ClassifierProcess, sample: Sample) -> None:
        if not await self._claims.take(sample.sha256):
            return
        started = time.monotonic()
        labels = await self._look(process, sample)
        if labels is None:
            self._count("failed")
            return
        metrics.classifier_seconds.labels(self._settings.name).observe(time.monotonic() - started)
        told = [label for label in labels if label.score >= self._settings.threshold]
        for label in told:
            self._report(self._settings.name, sample.target, sample.sha256, label.name, label.score)
        self._count("labelled" if told else "unlabelled")

    async def _look(self, process: ClassifierProcess, sample: Sample) -> tuple[Label, ...] | None:
        """What the classifier says; None: it failed, and its process may have ended of it."""
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                labels = await process.look(sample.body, sample.codings)
        except TimeoutError:
            process.kill("timeout")
            return None
        except ProcessDied:
            process.kill("crashed")
            return None
        self._pause = 0.0
        return labels

    async def _live(self) -> ClassifierProcess:
        """The process; another where it has ended, with growing pauses as long as none answers."""
        while self._process is None or not self._process.alive:
            if self._process:
                await self._bury(self._process)
            await asyncio.sleep(self._pause)
            self._pause = min(max(2 * self._pause, 0.1), LONGEST_PAUSE)
            try:
                self._process = await ClassifierProcess.start(self._settings, self._hashing)
            except (ProcessDied, OSError) as error:
                logger.error("the classifier %s does not start: %s", self._settings.name, error)
        return self._process

    async def _bury(self, process: ClassifierProcess) -> None:
        self._process = None
        await process.close()
        status = await process.ended()
        name, cause = self._settings.name, process.cause
        logger.warning("the classifier %s ended with status %d (%s) and is replaced", name, status, cause)

    def _count(self, result: str) -> None:
        metrics.classified.labels(self._settings.name, result).inc()


def is_sampled(sha256: str, share: float) -> bool:
    """Whether an image is of the sample: every worker of every machine chooses the same ones."""
    return int(sha256[:16], 16) < share * 2**64
