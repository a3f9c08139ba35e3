"""Kills and freezes parts at random, by a plan that hangs on the seed alone."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.chaos.process import Part

from edgeward.errors import EdgewardError

PAUSE_SECONDS = (1.0, 3.0)
DOWN_SECONDS = (0.5, 5.0)
FROZEN_SECONDS = (0.5, 4.0)
FREEZES = 0.3
"""So many of all blows freeze, the others kill."""
RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Blow:
    """`at`: seconds after the start; `seconds`: how long it is down, where nobody else starts it, or frozen."""

    at: float
    victim: str
    kind: str
    seconds: float


def plan(seed: int, seconds: float, victims: list[str]) -> Iterator[Blow]:
    """What will happen, in its order."""
    choices = random.Random(f"monkey {seed}")
    at = choices.uniform(*PAUSE_SECONDS)
    while at < seconds:
        freeze = choices.random() < FREEZES
        down = choices.uniform(*(FROZEN_SECONDS if freeze else DOWN_SECONDS))
        yield Blow(at, choices.choice(victims), "freeze" if freeze else "kill", down)
        at += choices.uniform(*PAUSE_SECONDS)


class Monkey:
    """Strikes the parts.

    Attributes:
        done: blows by (kind, victim).
        troubles: starts that failed and were tried again.
    """

    def __init__(self, parts: Mapping[str, Part], seed: int, seconds: float) -> None:
        self.done: Counter[tuple[str, str]] = Counter()
        self.troubles: list[str] = []
        self._parts, self._plan = parts, list(plan(seed, seconds, sorted(parts)))
        self._busy = {name: threading.Lock() for name in parts}

    def strike(self) -> None:
        """Carry the plan out."""
        self.follow(self._plan)

    def follow(self, blows: Sequence[Blow]) -> None:
        """Strike as it is said there; return when everything is up again."""
        began = time.monotonic()
        with ThreadPoolExecutor(len(self._parts)) as hands:
            struck = []
            for blow in blows:
                time.sleep(max(0.0, began + blow.at - time.monotonic()))
                struck.append(hands.submit(self._strike, blow))
        for each in struck:
            each.result()

    def _strike(self, blow: Blow) -> None:
        """A part that is down or frozen already is left alone."""
        busy = self._busy[blow.victim]
        if not busy.acquire(blocking=False):
            return
        try:
            self._hit(self._parts[blow.victim], blow)
            self.done[blow.kind, blow.victim] += 1
        finally:
            busy.release()

    def _hit(self, part: Part, blow: Blow) -> None:
        if blow.kind == "freeze":
            part.pause()
            time.sleep(blow.seconds)
            part.resume()
            return
        part.kill()
        time.sleep(blow.seconds)
        while True:
            try:
                part.start()
                return
            except EdgewardError as error:
                self.troubles.append(f"{blow.victim}: {error}")
                if len(self.troubles) > 50:
                    raise
                time.sleep(RETRY_SECONDS)
