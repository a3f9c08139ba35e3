"""Images on which a hasher crashed or ran out of time: for a while they are not tried again.

Otherwise each request of one such image would cost a hasher seconds, and its restart. The pause grows from failure to
failure. Workers share it through the store, where a record expires with its pause. If the store's clock is set forwards
the image is tried earlier; a record that would last longer than any pause does, since the clock was set back, does not
count.
"""

import hashlib
import math
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from edgeward import metrics
from edgeward.background.ttl_set import oldest
from edgeward.store.connection import Store
from edgeward.types import Fingerprint, Flaw

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 10.0, 3600.0
"""The pause after the first failure, which may be the machine's; it doubles up to the longest."""
MAX_REMEMBERED = 2_000
FAILURES = frozenset({Flaw.CRASHED, Flaw.TIMEOUT})
"""Flaws that the image may be the cause of. OVERLOADED says nothing about it."""


@dataclass(slots=True)
class _Failure:
    """A fingerprint without signals of the picture, in use until `until` (time.monotonic)."""

    fingerprint: Fingerprint
    failures: int
    until: float


class PublishedFailure(NamedTuple):
    """Another worker's failure: the flaw, how often the image failed, and the seconds until it may be tried again."""

    flaw: Flaw
    failures: int
    seconds: float


class FailedImages:
    """By the key of a fingerprint, which names the body's digest, its codings, and how it is read.

    Its digests stay in use: a body that is listed by its SHA-256 is blocked as such.

    Args:
        store: None: nothing is shared.
    """

    def __init__(self, store: Store | None) -> None:
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._store = store
        self._redis: Any = None if store is None else store.redis
        self._failures: dict[str, _Failure] = {}
        self._until: dict[str, float] = {}
        """By SHA-256, for Retry-After."""

    def __len__(self) -> int:
        return len(self._failures)

    def get(self, key: str) -> Fingerprint | None:
        """What was found out about the image, if it failed and must not be tried again yet."""
        failure = self._failures.get(key)
        if failure is None or time.monotonic() >= failure.until:
            return None
        metrics.failed_image_requests.inc()
        return failure.fingerprint

    def retry_seconds(self, sha256: str) -> int | None:
        """In how many seconds an image may be tried again; None: it is not known to have failed."""
        until = self._until.get(sha256)
        return None if until is None else max(1, math.ceil(until - time.monotonic()))

    def add(self, key: str, fingerprint: Fingerprint) -> None:
        """A hasher failed on the image. Its flaw is one of FAILURES."""
        known = self._failures.get(key)
        failures = known.failures + 1 if known else 1
        self._remember(key, fingerprint, failures, _pause(failures))

    def discard(self, key: str) -> None:
        """The image was hashed after all."""
        if (failure := self._failures.pop(key, None)) is not None:
            self._until.pop(failure.fingerprint.sha256, None)

    async def publish(self, key: str) -> None:
        """Tell the other workers of a failure that was added. Raises one of STORE_AWAY."""
        failure = self._failures.get(key)
        if self._redis is None or failure is None:
            return
        milliseconds = int(1000 * (failure.until - time.monotonic()))
        if milliseconds > 0:
            record: Any = f"{failure.fingerprint.flaw},{failure.failures}".encode()
            await self._redis.set(self._store_key(key), record, px=milliseconds)

    async def published(self, key: str) -> PublishedFailure | None:
        """What another worker found out about the image less than a pause ago. Raises one of STORE_AWAY."""
        if self._redis is None or (record := await self._redis.get(self._store_key(key))) is None:
            return None
        flaw, _, failures = record.decode().partition(",")
        milliseconds = await self._redis.pttl(self._store_key(key))
        if flaw not in FAILURES or not failures.isdigit() or not 0 < milliseconds <= LONGEST_PAUSE_SECONDS * 1000:
            return None
        return PublishedFailure(Flaw(flaw), int(failures), milliseconds / 1000)

    def add_published(self, key: str, fingerprint: Fingerprint, failure: PublishedFailure) -> None:
        """Remember another worker's failure for the rest of its pause."""
        self._remember(key, fingerprint, failure.failures, failure.seconds)

    def _remember(self, key: str, fingerprint: Fingerprint, failures: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        self._failures.pop(key, None)
        self._failures[key] = _Failure(fingerprint, failures, until)
        self._until[fingerprint.sha256] = until
        if len(self._failures) > MAX_REMEMBERED:
            for old in oldest(self._failures):
                self.discard(old)

    def _store_key(self, key: str) -> str:
        """Hashed: codings are foreign text of any length."""
        assert self._store is not None
        return self._store.key("failed", hashlib.sha256(key.encode()).hexdigest())


def _pause(failures: int) -> float:
    # Limited before the power, which would overflow a float in the end.
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 20))
