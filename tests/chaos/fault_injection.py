"""Kills and freezes components at random, by a plan that depends on the seed alone."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.chaos.components import Component

from edgeward.errors import EdgewardError

GAP_SECONDS = (1.0, 3.0)
DOWN_SECONDS = (0.5, 5.0)
FROZEN_SECONDS = (0.5, 4.0)
FREEZE_SHARE = 0.3
"""The share of faults that freeze; the others kill."""
RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Fault:
    """`at`: seconds after the start. `seconds`: how long it is frozen, or is down unless a supervisor starts it."""

    at: float
    target: str
    kind: str
    seconds: float


def plan(seed: int, seconds: float, targets: list[str]) -> Iterator[Fault]:
    """All faults of a run, in their order."""
    choices = random.Random(f"faults {seed}")
    at = choices.uniform(*GAP_SECONDS)
    while at < seconds:
        freeze = choices.random() < FREEZE_SHARE
        down = choices.uniform(*(FROZEN_SECONDS if freeze else DOWN_SECONDS))
        yield Fault(at, choices.choice(targets), "freeze" if freeze else "kill", down)
        at += choices.uniform(*GAP_SECONDS)


class FaultInjector:
    """Carries out the plan of a seed.

    Attributes:
        injected: number of faults by (kind, target).
        failed_starts: starts that failed and were tried again.
    """

    def __init__(self, components: Mapping[str, Component], seed: int, seconds: float) -> None:
        self.injected: Counter[tuple[str, str]] = Counter()
        self.failed_starts: list[str] = []
        self._components, self._plan = components, list(plan(seed, seconds, sorted(components)))
        self._busy = {name: threading.Lock() for name in components}

    def run(self) -> None:
        """Carry out the plan."""
        self.inject(self._plan)

    def inject(self, faults: Sequence[Fault]) -> None:
        """Carry out these faults; return when every component is up again."""
        began = time.monotonic()
        with ThreadPoolExecutor(len(self._components)) as threads:
            submitted = []
            for fault in faults:
                time.sleep(max(0.0, began + fault.at - time.monotonic()))
                submitted.append(threads.submit(self._inject_one, fault))
        for each in submitted:
            each.result()

    @contextmanager
    def all_up(self) -> Iterator[None]:
        """Every component is up, and none fails, until the end of the block."""
        with ExitStack() as stack:
            for name in sorted(self._busy):
                stack.enter_context(self._busy[name])
            yield

    def _inject_one(self, fault: Fault) -> None:
        """Skip a component that is down or frozen already."""
        busy = self._busy[fault.target]
        if not busy.acquire(blocking=False):
            return
        try:
            self._carry_out(self._components[fault.target], fault)
            self.injected[fault.kind, fault.target] += 1
        finally:
            busy.release()

    def _carry_out(self, component: Component, fault: Fault) -> None:
        if fault.kind == "freeze":
            component.pause()
            time.sleep(fault.seconds)
            component.resume()
            return
        component.kill()
        time.sleep(fault.seconds)
        while True:
            try:
                component.start()
                return
            except EdgewardError as error:
                self.failed_starts.append(f"{fault.target}: {error}")
                if len(self.failed_starts) > 50:
                    raise
                time.sleep(RETRY_SECONDS)
