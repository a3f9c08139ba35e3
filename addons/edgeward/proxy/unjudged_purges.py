"""The purges of targets whose responses nobody could judge: one by one, or, beyond a bound, the whole host."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from edgeward import metrics
from edgeward.proxy.lost_sightings import NO_VERSION
from edgeward.proxy.purge_allowance import PurgeAllowance
from edgeward.proxy.recorder import Recorder
from edgeward.types import Target

logger = logging.getLogger(__name__)

MAX_EXCESS = 300
"""Targets that wait to be purged one by one; see PurgeAllowance."""
UNANSWERED_PER_HOST = 300
"""Purges of targets that nobody answered, of one host in one period. They wait in the cache, apart from all others."""


class _GivenUp(NamedTuple):
    """A target that nobody could judge, and the numbers that it stands for."""

    target: Target
    numbers: Sequence[int]


class UnjudgedPurges:
    """Orders purges of one worker. `close`: called with the numbers of the requests whose purges are ordered."""

    def __init__(self, recorder: Recorder, close: Callable[[Iterable[int]], None]) -> None:
        self._recorder, self._close = recorder, close
        self._allowance, self._unanswered_allowance = PurgeAllowance(), PurgeAllowance(UNANSWERED_PER_HOST)
        # Given up beyond the allowance, by host.
        self.excess: dict[str, list[_GivenUp]] = {}

    def order(self, target: Target, numbers: Sequence[int]) -> None:
        """Order a purge now, or as soon as the allowance permits it. Where too many wait for that, the whole host is
        purged that has the most."""
        given_up = _GivenUp(target, numbers)
        if target.host not in self.excess and self._allowance.take(target.host):
            self._order(given_up)
            return
        self.excess.setdefault(target.host, []).append(given_up)
        if sum(map(len, self.excess.values())) > MAX_EXCESS:
            self._forget_host(max(self.excess, key=lambda each: len(self.excess[each])))

    def order_unanswered(self, target: Target, numbers: Sequence[int]) -> bool:
        """Order a purge of a target that nobody answered. False: too many are ordered of its host."""
        if not self._unanswered_allowance.take(target.host):
            return False
        self._order(_GivenUp(target, numbers), unanswered=True)
        return True

    def order_excess(self) -> None:
        """Order what the allowance permits by now."""
        for host in [*self.excess]:
            waiting = self.excess[host]
            while waiting and self._allowance.take(host):
                self._order(waiting.pop(0))
            if not waiting:
                del self.excess[host]

    def _order(self, given_up: _GivenUp, unanswered: bool = False) -> None:
        # A purge that is lost is counted by the recorder, which remembers its host.
        ordered = self._recorder.order_unjudged_purge(given_up.target, unanswered=unanswered)
        metrics.unjudged.labels("purged" if ordered else "dropped").inc()
        self._close(given_up.numbers)

    def _forget_host(self, host: str) -> None:
        """Have a host purged as a whole, by one order for all that was given up there."""
        forgotten = self.excess.pop(host)
        logger.warning("%d responses could not be judged: everything of their host is purged", len(forgotten))
        for each in forgotten:
            metrics.unjudged.labels("dropped").inc()
            self._recorder.forget(each.target, NO_VERSION)
        for each in forgotten:
            self._close(each.numbers)
