"""Sightings and orders that a worker could not keep: their hosts, so that a listing purges them or says what is not
known."""

from collections.abc import Sequence

from edgeward import metrics
from edgeward.background.write_buffer import BATCH_SIZE, WriteBuffer
from edgeward.lists.list_store import ListStore
from edgeward.proxy.lost_hosts_file import LostHostsFile
from edgeward.purging.orders import Orders
from edgeward.retromatch.lost_purges import LostPurges
from edgeward.sightings.forgotten import EVERYWHERE, host_of
from edgeward.sightings.sightings import Sightings
from edgeward.types import Target

NO_VERSION = -1
"""Of the lists: older than any."""
MAX_HOSTS = 256
"""Hosts that are told apart until the store is there to take them."""
WRITES_WAITING = BATCH_SIZE + 1
"""A batch in progress, and one for what is lost meanwhile."""


class LostSightings:
    """Counts lost targets by host, and has the counts written as forgotten.

    Whoever adds one does not count it as recorded: so one purge of the host makes up for it.

    Args:
        file: keeps the hosts if this worker dies before that; None: nothing does.
    """

    def __init__(
        self, sightings: Sightings, orders: Orders, list_store: ListStore, file: LostHostsFile | None = None
    ) -> None:
        self._file = file
        self._forgotten, self._list_store = sightings.forgotten, list_store
        self._purges = LostPurges(sightings.store, sightings.forgotten, orders)
        self._hosts: dict[Target, int] = {}
        self._version: int | None = None
        self.buffer = WriteBuffer[None]("hosts of lost sightings", self._write, WRITES_WAITING)

    async def start(self) -> None:
        """Start to write. First the hosts of workers that have died: any list may have changed since."""
        if self._file:
            self._file.take_over(lambda host: self.add(host, NO_VERSION))
        await self.buffer.start()

    def add(self, target: Target, version: int) -> None:
        """A target is lost that was judged by the lists at `version`."""
        metrics.sightings_dropped.inc()
        host = host_of(target)
        if host not in self._hosts and len(self._hosts) >= MAX_HOSTS:
            host = EVERYWHERE
        if host not in self._hosts and self._file:
            self._file.add(host)
        self._hosts[host] = self._hosts.get(host, 0) + 1
        self._version = version if self._version is None else min(self._version, version)
        self.buffer.put(None)

    async def _write(self, _: Sequence[None]) -> None:
        hosts, version = dict(self._hosts), self._version
        if not hosts:
            return
        await self._forgotten.remember_lost(hosts, recorded_again=True)
        # Read after the write: any later listing finds these hosts in the store. An earlier one did not.
        if await self._list_store.version() != version:
            await self._purges.purge_late(hosts)
        for host, count in hosts.items():
            self._hosts[host] -= count
            if not self._hosts[host]:
                del self._hosts[host]
        if not self._hosts:
            self._version = None
            if self._file:
                self._file.clear()
