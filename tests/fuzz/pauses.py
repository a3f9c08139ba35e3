"""How long the event loops of proxy workers pause, measured inside of them (inside/sitecustomize.py)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

STALL_SECONDS = 0.05
_INSIDE = Path(__file__).parent / "inside"


class Pause(NamedTuple):
    """One long turn of a loop, in seconds: its callbacks, those of it without a core, those computed; then for how long
    another thread kept the loop from going on; and where it was, if that was asked.

    A pause counts by `own`: on a machine with more to do than cores any process waits for its turn.
    """

    busy: float
    queued: float
    computed: float
    held: float
    stack: str = ""

    @property
    def own(self) -> float:
        return max(0.0, self.busy - self.queued) + self.held

    @property
    def worked(self) -> float:
        """What of that was work, in seconds. The rest may be a call that blocks, or a machine that stood still."""
        return self.computed + self.held

    def __str__(self) -> str:
        computed = f"it computed {1000 * self.computed:.0f} ms, other threads {1000 * self.held:.0f}"
        figures = f"{1000 * self.own:.0f} ms: {computed}"
        return f"{figures}\n{self.stack}" if self.stack else figures


@contextmanager
def watched(directory: Path, stacks: bool = False) -> Iterator[None]:
    """Proxy workers that are started meanwhile write their pauses into `directory`."""
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
    """All of them over 10 ms so far, in order.

    Raises:
        FileNotFoundError: no worker is watched there.
    """
    logs = sorted(directory.iterdir())
    if not logs:
        raise FileNotFoundError(f"nothing watches in {directory}")
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
