"""What every cache driver does: remove one target from one cache node, and say how sure it is of that."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from edgeward.config import CacheSettings
from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.wire import Answer, TargetError, Wire
from edgeward.types import Delivery, Target

CONFIRM_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064)
"""Pauses between the purges that go on until the cache says that nothing is left."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a cache made of a purge. `count`: objects that were removed; None where the cache doesn't tell."""

    delivery: Delivery
    status: int
    detail: str = ""
    count: int | None = None


class CacheDriver(ABC):
    """Purges one cache node. To add a kind of cache: one subclass, in DRIVERS and in CacheSettings.driver."""

    name: ClassVar[str]

    def __init__(self, settings: CacheSettings) -> None:
        self.settings = settings
        self._wire = Wire(settings.url, settings.timeout_ms / 1000)

    @abstractmethod
    async def _purge(self, target: Target) -> Purged:
        """Remove `target`; may raise as `purge` and `_ask` do."""

    async def purge(self, target: Target) -> Purged:
        """Remove every copy of `target`, never softly: a stale copy would be served again.

        Raises:
            CacheUnavailable: the node is away, too slow, or overloaded (429, 5xx). It may help to ask later.
        """
        try:
            return await self._purge(target)
        except TargetError as error:
            return Purged(Delivery.REFUSED, 0, str(error))

    async def _ask(self, method: str, target: Target, *headers: tuple[str, str]) -> Answer:
        secret = (("Edgeward-Secret", self.settings.secret),) if self.settings.secret else ()
        answer = await self._wire.ask(method, target.host, target.path, (*secret, *headers))
        if answer.status == 429 or answer.status >= 500:
            raise CacheUnavailable(f"status {answer.status}")
        return answer

    def close(self) -> None:
        """Close the connections to the node."""
        self._wire.close()


def refused(answer: Answer) -> Purged:
    """The outcome where the cache does not let us purge, or does not know how to."""
    hint = "check the cache's purge rules and the secret"
    return Purged(Delivery.REFUSED, answer.status, f"status {answer.status}: {hint}")
