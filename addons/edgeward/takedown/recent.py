"""What happened a moment ago, so that it need not be said again."""

import time
from collections import OrderedDict
from collections.abc import Hashable


class Recent:
    """Keys of the last `seconds`, at most `size` of them: the oldest are forgotten first."""

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds, self._size = seconds, size
        self._times: OrderedDict[Hashable, float] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        added = self._times.get(key)
        return added is not None and time.monotonic() - added < self._seconds

    def add(self, key: Hashable) -> None:
        self._times[key] = time.monotonic()
        self._times.move_to_end(key)
        if len(self._times) > self._size:
            self._times.popitem(last=False)
