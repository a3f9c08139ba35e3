"""The process of one classifier as its parent sees it: whose answers are checked."""

from typing import Self

from edgeward.classifying import labels
from edgeward.classifying.labels import Label
from edgeward.config import ClassifierSettings, HashingSettings
from edgeward.hashing.request import HashRequest
from edgeward.isolation.isolated import Isolated, ProcessDied

_WORKER = "edgeward.classifying.worker"


class ClassifierProcess(Isolated):
    """Looks at one image at a time. Whatever raises ProcessDied leaves it fit only for `close`."""

    max_answer = 4096
    start_seconds = 120.0
    """Models are large."""

    @classmethod
    async def start(cls, settings: ClassifierSettings, hashing: HashingSettings) -> Self:
        """One that is ready. ProcessDied if it does not get so in time."""
        return await cls.launch(_WORKER, settings.model_dump_json(), hashing.model_dump_json())

    async def look(self, body: bytes, codings: tuple[str, ...]) -> tuple[Label, ...] | None:
        """The labels of an image, highest score first; None: the classifier failed. ProcessDied: it may be of it."""
        await self.ask(HashRequest(codings).to_json().encode(), body)
        try:
            return labels.from_json(await self.receive())
        except ValueError:
            raise ProcessDied("its answer is malformed") from None
