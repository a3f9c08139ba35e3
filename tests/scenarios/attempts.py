"""Experiments whose result a machine that stands still for a moment may spoil: they get several attempts."""

import time
from collections.abc import Callable

MAX_ATTEMPTS = 3


def succeeds_once(experiment: Callable[[], bool], pause: float = 0.0) -> bool:
    """Whether one of three attempts succeeds. `pause`: seconds between two attempts."""
    for number in range(MAX_ATTEMPTS):
        if number:
            time.sleep(pause)
        if experiment():
            return True
    return False
