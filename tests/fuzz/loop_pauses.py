"""Pauses of the event loops of proxy workers, measured inside them (injected/sitecustomize.py)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

STALL_SECONDS = 0.05
_INSIDE = Path(__file__).parent / "injected"


class Pause(NamedTuple):
    """One long turn of a loop, in seconds.

    Attributes:
        busy: duration of its callbacks.
        queued: the part of that in which the thread waited for a core.
        computed: the part of that in which it computed.
        held: how long another thread kept the loop from continuing.
        stack: where the thread was, if that was asked for.
    """

    busy: float
    queued: float
    computed: float
    held: float
    stack: str = ""

    @property
    def own(self) -> float:
        """How long the loop was stopped by its own process: time without a core does not count."""
        return max(0.0, self.busy - self.queued) + self.held

    @property
    def worked(self) -> float:
        """How long it worked, in seconds. The rest is a call that blocks, or a machine that stands still."""
        return self.computed + self.held

    def __str__(self) -> str:
        computed = f"it computed {1000 * self.computed:.0f} ms, other threads {1000 * self.held:.0f}"
        figures = f"{1000 * self.own:.0f} ms: {computed}"
        return f"{figures}\n{self.stack}" if self.stack else figures


@contextmanager
def watched(directory: Path, stacks: bool = False) -> Iterator[None]:
    """Proxy workers that start within the block write their pauses into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(filter(None, (str(_INSIDE), os.environ.get("PYTHONPATH"))))
    environ = {"PYTHONPATH": path, "LOOP_WATCH": str(directory.absolute()), **({"LOOP_STACKS": "1"} if stacks else {})}
    before = {name: os.environ.get(name) for name in environ}
    os.environ.update(environ)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def pauses(directory: Path) -> list[Pause]:
    """All pauses over 10 ms so far, in order.

    Raises:
        FileNotFoundError: no worker has written there.
    """
    logs = sorted(directory.iterdir())
    if not logs:
        raise FileNotFoundError(f"no worker is watched in {directory}")
    return [pause for log in logs for pause in read(log.read_text())]


def read(log: str) -> Iterator[Pause]:
    stack: list[str] = []
    for line in log.splitlines():
        word, *numbers = line.split(" ")
        if word != "pause":
            stack.append(line)
            continue
        busy, queued, computed, held = map(float, numbers)
        yield Pause(busy, queued, computed, held, "\n".join(stack))
        stack = []
