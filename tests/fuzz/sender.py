"""Sends the cases of a seed through the proxy, several at a time, and checks each answer."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from tests.fuzz.cases import Case, case
from tests.fuzz.deployment import Deployment
from tests.fuzz.seed_images import seeds

CLIENTS = 4
BATCH = 200


@dataclass(slots=True)
class Tally:
    """The results so far.

    Attributes:
        refused: cases answered with 503: they may have ended a hasher.
        wrong: what must not happen, in words, each with its case.
    """

    images: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    refused: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class CaseSender:
    """Sends the cases of one seed to one deployment."""

    def __init__(self, deployment: Deployment, seed: int) -> None:
        self._deployment, self._seed = deployment, seed
        self._lock = threading.Lock()
        self.tally = Tally()

    def run(self, first: int, images: int, seconds: float) -> None:
        """Send `images` cases from number `first` on, or as many as `seconds` allow."""
        seeds()  # made once, before several threads would make them at the same time: Pillow may crash then
        deadline = time.monotonic() + seconds
        with ThreadPoolExecutor(CLIENTS) as clients:
            for start in range(first, first + images, BATCH):
                if time.monotonic() > deadline:
                    return
                before = self._deployment.reasons().total()
                count = min(BATCH, first + images - start)
                for _ in clients.map(self._send_one, range(start, start + count)):
                    pass
                self._check_count(start, count, before)

    def _check_count(self, start: int, count: int, before: int) -> None:
        counted = self._deployment.reasons().total() - before
        if counted != count:
            self.tally.wrong.append(f"cases {start} to {start + count - 1}: {counted} verdicts were counted")

    def _send_one(self, number: int) -> None:
        made = case(self._seed, number)
        try:
            answer = self._deployment.ask(made)
            status, body = answer.status, answer.body
        except (OSError, http.client.HTTPException) as error:
            status, body = 0, repr(error).encode()
        with self._lock:
            self.tally.images += 1
            self.tally.answers[status] += 1
            self._check(made, status, body)

    def _check(self, made: Case, status: int, body: bytes) -> None:
        if status == 0:
            self.tally.wrong.append(f"case {made.number}: no answer ({body.decode()})")
        elif status == 503:
            self.tally.refused.append(made.number)
        elif status == 403:
            pass  # refused for good, and the hasher that said so lives
        elif status != 200:
            self.tally.wrong.append(f"case {made.number}: answered with {status}")
        elif body != made.body:
            self.tally.wrong.append(f"case {made.number}: not the bytes of the origin")


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one case by itself: counted reasons, hashers that it ended by cause, and what the case is."""

    number: int
    reasons: Counter[str]
    restarts: Counter[str]
    description: str

    def __str__(self) -> str:
        ended = ", ".join(f"a hasher ended ({cause})" for cause in +self.restarts) or "no hasher ended"
        return f"case {self.number}: {', '.join(+self.reasons) or 'no verdict'}; {ended}; {self.description}"


def replay_alone(deployment: Deployment, seed: int, numbers: list[int]) -> Iterator[Finding]:
    """Replay each of these cases, one after the other."""
    for number in numbers:
        made = case(seed, number)
        reasons, restarts = deployment.reasons(), deployment.restarts()
        with suppress(OSError, http.client.HTTPException):
            deployment.ask(made)
        time.sleep(0.2)  # the end of a hasher is counted a moment after the verdict
        yield Finding(number, deployment.reasons() - reasons, deployment.restarts() - restarts, made.description)
