"""What a machine that stands still in the wrong moment may upset for once."""

import time
from collections.abc import Callable

TRIES = 3


def seen(experiment: Callable[[], bool], pause: float = 0.0) -> bool:
    """Whether one of three experiments ends as it should, with so many seconds between them."""
    for number in range(TRIES):
        if number:
            time.sleep(pause)
        if experiment():
            return True
    return False
