"""Case after case through the proxy, several at a time; what comes back is held to what was sent."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from tests.fuzz.cases import Case, case
from tests.fuzz.site import Site

CLIENTS = 4
BATCH = 200


@dataclass(slots=True)
class Tally:
    """What came of the cases so far.

    Attributes:
        troubled: cases that a hasher may have died of: they were refused, or not answered.
        wrong: what must not happen, in words, with the case that it happened to.
    """

    images: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    troubled: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Barrage:
    """The cases of one seed against one site."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site, self._seed = site, seed
        self._lock = threading.Lock()
        self.tally = Tally()

    def run(self, first: int, images: int, seconds: float) -> None:
        """`images` cases from number `first` on, or as many as `seconds` allow."""
        deadline = time.monotonic() + seconds
        with ThreadPoolExecutor(CLIENTS) as clients:
            for start in range(first, first + images, BATCH):
                if time.monotonic() > deadline:
                    return
                before = self._site.reasons().total()
                count = min(BATCH, first + images - start)
                for _ in clients.map(self._one, range(start, start + count)):
                    pass
                self._counted(start, count, before)

    def _counted(self, start: int, count: int, before: int) -> None:
        counted = self._site.reasons().total() - before
        if counted != count:
            self.tally.wrong.append(f"cases {start} to {start + count - 1}: {counted} verdicts were counted")

    def _one(self, number: int) -> None:
        made = case(self._seed, number)
        try:
            answer = self._site.ask(made)
            status, body = answer.status, answer.body
        except (OSError, http.client.HTTPException) as error:
            status, body = 0, repr(error).encode()
        with self._lock:
            self.tally.images += 1
            self.tally.answers[status] += 1
            self._hold(made, status, body)

    def _hold(self, made: Case, status: int, body: bytes) -> None:
        if status == 0:
            self.tally.wrong.append(f"case {made.number}: no answer ({body.decode()})")
        elif status == 503:
            self.tally.troubled.append(made.number)
        elif status != 200:
            self.tally.wrong.append(f"case {made.number}: answered with {status}")
        elif body != made.body:
            self.tally.wrong.append(f"case {made.number}: not the bytes of the origin")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a case comes to by itself: reasons counted, hashers that ended of it by cause, and what it is."""

    number: int
    reasons: Counter[str]
    restarts: Counter[str]
    story: str

    def __str__(self) -> str:
        ended = ", ".join(f"a hasher ended ({cause})" for cause in +self.restarts) or "no hasher ended"
        return f"case {self.number}: {', '.join(+self.reasons) or 'no verdict'}; {ended}; {self.story}"


def alone(site: Site, seed: int, numbers: list[int]) -> Iterator[Finding]:
    """Each of these cases once more, one after the other."""
    for number in numbers:
        made = case(seed, number)
        reasons, restarts = site.reasons(), site.restarts()
        with suppress(OSError, http.client.HTTPException):
            site.ask(made)
        time.sleep(0.2)  # the end of a hasher is seen a moment after the verdict
        yield Finding(number, site.reasons() - reasons, site.restarts() - restarts, made.story)
