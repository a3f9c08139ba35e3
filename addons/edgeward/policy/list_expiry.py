"""Turns lists off whose time has come (`expires_at`), in a controller.

That is a change of the lists as any other: it has a version and a line in the audit trail, every process applies it,
and what an allowlist protected until then is matched again. Whichever controller looks first makes it.

The time is the store's. While clocks differ, or for a day after the store's clock has stepped, no list is turned off
(`ScheduleClock.refusal`): a clock that is set forwards by mistake must not switch off what is to be blocked.
"""

import logging

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.errors import NotFound, UserError
from edgeward.lists.list_store import ListStore
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.types import HashList, Mode

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
RETRY_SECONDS = (0.5, 15.0)
WHO = "edgeward"
WHY = "its time is over (expires_at)"


class _NotDue(UserError):
    """The list was changed meanwhile: it is off, or ends later."""


class ListExpiry:
    """Looks at the lists every LOOK_SECONDS."""

    def __init__(self, clock: ScheduleClock, list_store: ListStore) -> None:
        self._clock, self._list_store = clock, list_store
        self._shown: set[str] = set()
        self._loop = WorkerLoop(
            "ends of lists",
            self.turn_off_ended,
            metric_label="list_expiry",
            retry_seconds=RETRY_SECONDS,
            pause_seconds=LOOK_SECONDS,
        )

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def turn_off_ended(self) -> None:
        """Look once. Raises STORE_AWAY."""
        lists, _ = await self._list_store.readable_lists()
        self._show(lists)
        now = self._clock.store_time()
        if due := [each.name for each in lists if is_due(each, now)]:
            if not await self._clock.may_trim():
                return
            for name in due:
                await self._turn_off(name)

    async def _turn_off(self, name: str) -> None:
        def ended(old: HashList) -> HashList:
            if not is_due(old, self._clock.store_time()):
                raise _NotDue(name)
            return old.changed(mode=Mode.OFF)

        try:
            change = await self._list_store.change_list(name, ended, WHO, WHY)
        except (NotFound, _NotDue):
            return
        logger.warning("a list has ended, and is off since version %d of the lists", change.version)

    def _show(self, lists: list[HashList]) -> None:
        """Set the metric. One that was shown once stays, with 0 if it does not end, or is off."""
        ends = {each.name: each.expires_at for each in lists if each.expires_at and each.mode is not Mode.OFF}
        self._shown |= ends.keys()
        for name in self._shown:
            metrics.list_expires.labels(name).set(ends.get(name, 0.0))


def is_due(hash_list: HashList, now: float) -> bool:
    """Whether a list must be turned off. `now`: Unix seconds of the store."""
    return 0 < hash_list.expires_at <= now and hash_list.mode is not Mode.OFF
