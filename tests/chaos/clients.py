"""Clients that ask for pictures at random, and see what they must not see."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.book import Book
from tests.chaos.pictures import Picture, Variant

from edgeward.demo.answer import ask

THREADS = 5
PAUSE_SECONDS = 0.03
TIMEOUT_SECONDS = 8.0
LISTED_SHARE = 0.2
"""What is listed is asked for so much less often: else each request for it would mend what a purge has missed."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: when it was sent and over (time.time), where, for what, and the status; 0: no answer."""

    began: float
    ended: float
    door: str
    number: int
    variant: Variant
    status: int


class Clients:
    """`with Clients(...)`: they ask until the end of the block.

    Attributes:
        asks: what was asked for, in order.
        answers: how many, by status; 0: there was none.
    """

    def __init__(self, doors: Sequence[str], pictures: Sequence[Picture], book: Book, seed: int) -> None:
        self.asks: list[Ask] = []
        self.answers: Counter[int] = Counter()
        self._doors, self._pictures, self._book = doors, pictures, book
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
        while not self._ended.wait(choices.uniform(0, 2 * PAUSE_SECONDS)):
            picture = choices.choice(self._pictures)
            door, variant, likely = choices.choice(self._doors), choices.choice(picture.variants), choices.random()
            if not self._book.of(picture.number).since or likely < LISTED_SHARE:
                self._ask(door, picture, variant)

    def _ask(self, door: str, picture: Picture, variant: Variant) -> None:
        active = self._book.of(picture.number).active
        began, status = time.time(), 0
        try:
            answer = ask(door, variant.target, headers=variant.headers, timeout=TIMEOUT_SECONDS)
        except (OSError, http.client.HTTPException):
            pass
        else:
            status = answer.status
            shown = status == 200 and answer.body == picture.body
            if shown and active and self._book.of(picture.number).active == active:
                late = began - active
                self._book.surprise(f"picture {picture.number} was served {late:.3f} s after its listing was active")
        with self._lock:
            self.answers[status] += 1
            self.asks.append(Ask(began, time.time(), door, picture.number, variant, status))
