"""The process of one classifier as its parent sees it. Its answers are checked."""

from typing import Self

from edgeward.classifying import labels
from edgeward.classifying.labels import Label
from edgeward.hashing.hash_request import HashRequest
from edgeward.isolation.isolated_process import IsolatedProcess, ProcessDied
from edgeward.settings.classifier_settings import ClassifierSettings
from edgeward.settings.config import HashingSettings

_WORKER = "edgeward.classifying.worker"


class ClassifierProcess(IsolatedProcess):
    """Classifies one image at a time. After ProcessDied, only `close` may be called."""

    max_answer = 4096
    start_seconds = 120.0
    """Longer than for hashers: models are large."""

    @classmethod
    async def start(cls, settings: ClassifierSettings, hashing: HashingSettings) -> Self:
        """Start one and wait until it is ready.

        Raises:
            ProcessDied: it was not ready in time.
        """
        process = await cls.launch(_WORKER, settings.model_dump_json(), hashing.model_dump_json())
        process.cpu_seconds = settings.timeout_ms / 1000
        return process

    async def classify(self, body: bytes, codings: tuple[str, ...]) -> tuple[Label, ...] | None:
        """The labels of an image, highest score first; None: the classifier failed.

        Raises:
            ProcessDied: the image may be why.
        """
        await self.ask(HashRequest(codings).to_json().encode(), body)
        try:
            return labels.from_json(await self.receive())
        except ValueError:
            raise ProcessDied("its answer is malformed") from None
