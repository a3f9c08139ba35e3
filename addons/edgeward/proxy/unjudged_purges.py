"""The purges of targets whose responses nobody could judge: one by one, or, beyond a bound, the whole host."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from edgeward import metrics
from edgeward.proxy.lost_sightings import NO_VERSION
from edgeward.proxy.purge_allowance import ORDERS_PER_HOST, PurgeAllowance
from edgeward.proxy.recorder import RECORD_BYTES, Recorder
from edgeward.types import Target

logger = logging.getLogger(__name__)

MAX_EXCESS, MAX_EXCESS_BYTES = 3_000, 8 * 1024 * 1024
"""Targets that wait to be purged one by one: for the allowance (see PurgeAllowance), or for room (see OrderRoom)."""
UNANSWERED_PER_HOST = ORDERS_PER_HOST
"""Purges of targets that nobody answered, of one host in one period. They wait in the cache, apart from all others."""


class _GivenUp(NamedTuple):
    """A target that nobody could judge, the numbers that it stands for, and the address of the client; "" if it is not
    known."""

    target: Target
    numbers: Sequence[int]
    client: str = ""

    @property
    def size(self) -> int:
        """About what it takes in memory, in bytes."""
        return RECORD_BYTES + self.target.length


class UnjudgedPurges:
    """Orders purges of one worker. `close`: called with the numbers of the requests whose purges are ordered."""

    def __init__(self, recorder: Recorder, close: Callable[[Iterable[int]], None]) -> None:
        self._recorder, self._close = recorder, close
        self._allowance, self._unanswered_allowance = PurgeAllowance(), PurgeAllowance(UNANSWERED_PER_HOST)
        # Given up and not ordered yet, by host, and the bytes of those.
        self.excess: dict[str, deque[_GivenUp]] = {}
        self._bytes, self._sources = Counter[str](), Counter[tuple[str, str]]()
        self._count = self._all_bytes = 0

    def order(self, target: Target, numbers: Sequence[int], client: str = "") -> None:
        """Order a purge now, or as soon as the allowance permits it and there is room: no client waits behind what
        exceeds the share of another. Where too many wait for that, the whole host is purged that has the most."""
        given_up = _GivenUp(target, numbers, client)
        if (target.host, client) not in self._sources and self._may_order(given_up, self._allowance):
            self._order(given_up)
            return
        self.excess.setdefault(target.host, deque()).append(given_up)
        self._count_waiting(given_up, 1)
        if self._count > MAX_EXCESS or self._all_bytes > MAX_EXCESS_BYTES:
            self._forget_host(max(self.excess, key=self._bytes.__getitem__))

    def order_unanswered(self, target: Target, numbers: Sequence[int], client: str = "") -> bool:
        """Order a purge of a target that nobody answered. False: too many are ordered of its host, or there is no
        room."""
        given_up = _GivenUp(target, numbers, client)
        if not self._may_order(given_up, self._unanswered_allowance):
            return False
        self._order(given_up, unanswered=True)
        return True

    def order_excess(self) -> None:
        """Order what the allowance permits by now, of all hosts in turn."""
        waiting = [*self.excess]
        while waiting:
            waiting = [host for host in waiting if self._order_next(host)]

    def _order_next(self, host: str) -> bool:
        """Order the next purge of a host. False: there is none, or it must wait."""
        queue = self.excess.get(host)
        if not queue or not self._may_order(queue[0], self._allowance):
            return False
        given_up = queue.popleft()
        self._count_waiting(given_up, -1)
        if not queue:
            self._remove(host)
        self._order(given_up)
        return True

    def _may_order(self, given_up: _GivenUp, allowance: PurgeAllowance) -> bool:
        return self._recorder.has_room_for_unjudged and allowance.take(given_up.target, given_up.client)

    def _order(self, given_up: _GivenUp, unanswered: bool = False) -> None:
        # A purge that is lost is counted by the recorder, which remembers its host.
        ordered = self._recorder.order_unjudged_purge(given_up.target, unanswered=unanswered)
        metrics.unjudged.labels("purged" if ordered else "dropped").inc()
        self._close(given_up.numbers)

    def _count_waiting(self, given_up: _GivenUp, sign: int) -> None:
        self._count += sign
        self._all_bytes += sign * given_up.size
        source = given_up.target.host, given_up.client
        self._sources[source] += sign
        if not self._sources[source]:
            del self._sources[source]
        if given_up.target.host in self.excess:
            self._bytes[given_up.target.host] += sign * given_up.size

    def _remove(self, host: str) -> deque[_GivenUp]:
        del self._bytes[host]
        return self.excess.pop(host)

    def _forget_host(self, host: str) -> None:
        """Have a host purged as a whole, by one order for all that was given up there."""
        forgotten = self._remove(host)
        logger.warning("%d responses could not be judged: everything of their host is purged", len(forgotten))
        for each in forgotten:
            self._count_waiting(each, -1)
            metrics.unjudged.labels("dropped").inc()
            self._recorder.forget(each.target, NO_VERSION)
        for each in forgotten:
            self._close(each.numbers)
