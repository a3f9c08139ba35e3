"""Whether the clock of the store's server was stepped, as one process can see it."""


class StoreClock:
    """Compares what the server's clock says with the time that passes here.

    The server read its clock some time between the request and its answer. So the difference of the clocks lies between
    two bounds; a step is what two of these intervals have no part of in common.
    """

    def __init__(self) -> None:
        self._least: float | None = None
        self._greatest = 0.0

    def step(self, store_time: float, sent: float, received: float) -> float:
        """By how many seconds, at least, the clock was stepped since the last call: forward, or back with a minus. 0.0:
        it need not have been. Also if another server, with another clock, has taken over.

        Args:
            store_time: Unix seconds, as the server said.
            sent, received: when it was asked and when it answered, by `freshness.now`.
        """
        least, greatest = store_time - received, store_time - sent
        stepped = 0.0
        if self._least is not None:
            stepped = max(0.0, least - self._greatest) + min(0.0, greatest - self._least)
        self._least, self._greatest = least, greatest
        return stepped
