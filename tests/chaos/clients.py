"""Client threads that request pictures at random and report each one that they must not get."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.expected_state import ExpectedState
from tests.chaos.pictures import Picture, Variant

from edgeward.demo.http_client import ask

THREADS = 5
GAP_SECONDS = 0.03
TIMEOUT_SECONDS = 8.0
LISTED_SHARE = 0.2
"""Listed pictures are requested that much less often: a request for one would repair what a purge has missed."""


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """One request: when it was sent and answered (time.time), where, for what, and the status; 0: no answer."""

    began: float
    ended: float
    proxy: str
    number: int
    variant: Variant
    status: int


class Clients:
    """`with Clients(...)`: they send requests until the end of the block.

    Attributes:
        requests: all of them, in order.
        answers: their number by status; 0: no answer.
    """

    def __init__(self, proxies: Sequence[str], pictures: Sequence[Picture], expected: ExpectedState, seed: int) -> None:
        self.requests: list[ClientRequest] = []
        self.answers: Counter[int] = Counter()
        self._proxies, self._pictures, self._expected = proxies, pictures, expected
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"client {seed} {number}"),))
            for number in range(THREADS)
        ]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, choices: random.Random) -> None:
        while not self._ended.wait(choices.uniform(0, 2 * GAP_SECONDS)):
            picture = choices.choice(self._pictures)
            proxy, variant, likely = choices.choice(self._proxies), choices.choice(picture.variants), choices.random()
            if not self._expected.of(picture.number).since or likely < LISTED_SHARE:
                self._ask(proxy, picture, variant)

    def _ask(self, proxy: str, picture: Picture, variant: Variant) -> None:
        active = self._expected.of(picture.number).active
        began, status = time.time(), 0
        try:
            answer = ask(proxy, variant.target, headers=variant.headers, timeout=TIMEOUT_SECONDS)
        except (OSError, http.client.HTTPException):
            pass
        else:
            status = answer.status
            shown = status == 200 and answer.body == picture.body
            if shown and active and self._expected.of(picture.number).active == active:
                late = began - active
                self._expected.violation(
                    f"picture {picture.number} was served {late:.3f} s after its listing was active"
                )
        with self._lock:
            self.answers[status] += 1
            self.requests.append(ClientRequest(began, time.time(), proxy, picture.number, variant, status))
