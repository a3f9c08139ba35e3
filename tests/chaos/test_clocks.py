"""Wall clocks that step."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.chaos.clocks import STEPS_SECONDS, Clock
from tests.support.programs import require

SHOW_TIMES = "import time; print(time.time(), time.monotonic())"


def _times(clock: Clock) -> tuple[float, float]:
    """time.time() and time.monotonic() of a process with that clock."""
    shown = subprocess.run(
        [sys.executable, "-S", "-c", SHOW_TIMES],
        env={**os.environ, **clock.environ},
        stdout=subprocess.PIPE,
        check=True,
    )
    wall, monotonic = shown.stdout.split()
    return float(wall), float(monotonic)


def test_a_clock_is_wrong_for_a_while_or_for_good(tmp_path: Path) -> None:
    """Frozen, a clock is wrong until it is resumed; killed, it stays wrong. The monotonic clock never is."""
    require("faketime")
    clock = Clock(tmp_path / "offset", seed=1)
    before = time.time(), time.monotonic()
    clock.pause()
    wrong = _times(clock)
    clock.resume()
    right = _times(clock)
    clock.kill()
    clock.start()
    stepped = _times(clock)
    after = time.time(), time.monotonic()

    spent = after[0] - before[0] + 1
    for wall, _ in (wrong, stepped):
        assert min(abs(wall - before[0] - step) for step in STEPS_SECONDS) <= spent
        assert abs(wall - before[0]) > 1
    assert abs(right[0] - before[0]) <= spent
    assert all(before[1] <= monotonic <= after[1] for _, monotonic in (wrong, right, stepped))
