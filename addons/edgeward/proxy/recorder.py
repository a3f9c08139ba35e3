"""What a worker writes to the store: sightings of what it served, purge orders and incidents.

No request waits for the store: all goes to bounded buffers, which tasks write out.
"""

import logging
import time
from collections.abc import Sequence

from edgeward import metrics
from edgeward.background.ttl_set import TtlSet
from edgeward.background.write_buffer import WriteBuffer
from edgeward.incidents import Incidents
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.purging.image_orders import image_orders
from edgeward.purging.orders import Orders
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.types import Cause, Decision, Incident, PurgeOrder, Reason, Sighting, Target, Verdict, target_key

logger = logging.getLogger(__name__)

MAX_SIGHTINGS = 20_000
MAX_ORDERS = 20_000
MAX_INCIDENTS = 2_000
REMEMBERED_KEYS = 200_000
"""How many sightings, orders and incidents are remembered so that they are not repeated; of each kind."""
ORDER_SECONDS = 1.0
"""At most one order per target, and one per tag, in this time."""
INCIDENT_SECONDS = 60.0
"""At most one incident per target and entry in this time."""
REPLICA_SECONDS = 2.0
"""After this wait for this worker's lists to reach the version at which a sighting is matched again, it is logged."""

type Position = tuple[int, int]
"""In the buffers of sightings and of orders."""


class Recorder:
    """Writes sightings, orders and incidents of one proxy worker.

    If a list changed between the check of a response and the write of its sighting, the sighting is matched again:
    retromatching may have searched the sightings before this one was among them.

    Args:
        tags: a cache stores images under their tags, so they can be purged by tag.
    """

    def __init__(
        self,
        sightings: Sightings,
        orders: Orders,
        replica: Replica,
        settings: SightingsSettings,
        incidents: Incidents,
        tags: bool = False,
    ) -> None:
        self._sightings, self._orders, self._replica, self._tags = sightings, orders, replica, tags
        self._list_store = ListStore(sightings.store)
        # A sighting is written again well before it expires.
        self._recent_sightings = TtlSet(min(settings.refresh_seconds, settings.keep_days * 86400 / 4), REMEMBERED_KEYS)
        self._recent_orders = TtlSet(ORDER_SECONDS, REMEMBERED_KEYS)
        self._recent_incidents = TtlSet(INCIDENT_SECONDS, REMEMBERED_KEYS)
        self._sighting_buffer = WriteBuffer("sightings", self._write_sightings, MAX_SIGHTINGS)
        self._rematch_buffer = WriteBuffer("sightings to match again", self._rematch, MAX_SIGHTINGS)
        self._order_buffer = WriteBuffer("purge orders", self._place_orders, MAX_ORDERS)
        self._incident_buffer = WriteBuffer("incidents", incidents.add, MAX_INCIDENTS)

    async def start(self) -> None:
        for buffer in (self._sighting_buffer, self._rematch_buffer, self._order_buffer, self._incident_buffer):
            await buffer.start()

    def position(self) -> Position:
        """A position after everything recorded and ordered so far; see `is_written`."""
        return self._sighting_buffer.mark, self._order_buffer.mark

    def is_written(self, position: Position) -> bool:
        """Whether all up to the position is in the store, and matched again where needed."""
        sightings, orders = position
        # A sighting enters the rematch buffer before the buffer of sightings counts it as written.
        return (
            self._sighting_buffer.reached(sightings)
            and self._order_buffer.reached(orders)
            and self._rematch_buffer.reached(self._rematch_buffer.mark)
        )

    async def flush(self) -> None:
        """Wait until all sightings recorded so far are in the store."""
        await self._sighting_buffer.flush()

    async def close(self) -> None:
        """Write what is left, orders first. If the store is unavailable, try for a few seconds."""
        for buffer in (self._order_buffer, self._sighting_buffer, self._rematch_buffer, self._incident_buffer):
            await buffer.close()

    def record_sighting(self, sighting: Sighting) -> bool:
        """Have a sighting written, unless it was within `refresh_seconds`. Returns whether it will be."""
        key = target_key(sighting.target, sighting.fingerprint.sha256)
        if key in self._recent_sightings:
            return False
        if self._sighting_buffer.put(sighting):
            self._recent_sightings.add(key)
            return True
        metrics.sightings_dropped.inc()
        return False

    def order_purge(self, target: Target, sha256: str, verdict: Verdict) -> bool:
        """Have a matching image removed from every cache, unless that was ordered within ORDER_SECONDS.

        Returns whether an order will be written.
        """
        key = target_key(target)
        if key in self._recent_orders:
            return False
        entry_id = verdict.match.entry.id if verdict.match else ""
        # A purge by tag removes the image from all targets.
        tags = self._tags and sha256 not in self._recent_orders
        placed = [
            self._order_buffer.put(order)
            for order in image_orders(sha256, [target], Cause.MATCH, time.time(), entry_id=entry_id, tags=tags)
        ]
        if all(placed):
            self._recent_orders.add(key)
            self._recent_orders.add(sha256)
        else:
            logger.error("a purge order was lost: the store was unavailable for too long")
        return any(placed)

    def report_incident(self, target: Target, sha256: str, verdict: Verdict) -> None:
        """Report a match, blocked or monitored, once in INCIDENT_SECONDS."""
        if verdict.match is None:
            return
        entry, signal = verdict.match.entry, verdict.match.signal
        # With the decision: a list that changes from monitoring to blocking is reported again.
        key = target_key(target, entry.id, verdict.decision)
        if key in self._recent_incidents:
            return
        incident = Incident(
            at=time.time(),
            decision=verdict.decision,
            reason=verdict.reason,
            target=target,
            sha256=sha256,
            list=entry.list,
            entry_id=entry.id,
            signal_type=signal.type,
            distance=verdict.match.distance,
            view=signal.view,
            frame=signal.frame,
        )
        if self._incident_buffer.put(incident):
            self._recent_incidents.add(key)

    def report_classification(self, classifier: str, target: Target, sha256: str, label: str, score: float) -> None:
        """Report a delivered image for review: a classifier labelled it. It is neither blocked nor purged."""
        incident = Incident(
            at=time.time(),
            decision=Decision.DELIVER,
            reason=Reason.CLASSIFIED,
            target=target,
            sha256=sha256,
            list="",
            entry_id="",
            signal_type="",
            distance=0,
            classifier=classifier,
            label=label,
            score=score,
        )
        self._incident_buffer.put(incident)

    async def _place_orders(self, orders: Sequence[PurgeOrder]) -> None:
        await self._orders.place(orders)

    async def _write_sightings(self, batch: Sequence[Sighting]) -> None:
        await self._sightings.write(batch)
        # Read after the write: the retromatching of any later change finds this batch in the store.
        version = await self._list_store.version()
        for sighting in batch:
            if sighting.version != version and not self._rematch_buffer.put((sighting, version)):
                metrics.sightings_dropped.inc()

    async def _rematch(self, batch: Sequence[tuple[Sighting, int]]) -> None:
        await self._wait_for_lists(max(version for _, version in batch))
        await self._orders.place([order for sighting, _ in batch for order in await self._orders_for(sighting)])

    async def _wait_for_lists(self, version: int) -> None:
        """Wait until this worker's lists have reached a version."""
        waited = False
        while not await self._replica.wait_version(version, REPLICA_SECONDS):
            if not waited:
                logger.warning(
                    "sightings wait to be matched again: the lists have not reached version %d here", version
                )
            waited = True
            # A store that has lost its data begins anew, with lower versions.
            version = min(version, await self._list_store.version())

    async def _orders_for(self, sighting: Sighting) -> list[PurgeOrder]:
        verdict = await self._replica.matcher.verdict_async(sighting.fingerprint)
        if not verdict.blocks or verdict.match is None:
            return []
        entry, sha256 = verdict.match.entry, sighting.fingerprint.sha256
        started_at = max(sighting.seen_at, entry.added_at)
        return image_orders(sha256, [sighting.target], Cause.MATCH, started_at, entry_id=entry.id, tags=self._tags)
