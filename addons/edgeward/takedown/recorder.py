"""The proxy's side of taking down: it notes what was served, orders purges and reports incidents.

Nothing here keeps a request waiting: what is noted goes to bounded outboxes, which tasks write to the store.
"""

import logging
import time
from collections.abc import Sequence

from edgeward import metrics
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.config import SightingsSettings
from edgeward.errors import StoreUnavailable
from edgeward.takedown.incidents import Incidents
from edgeward.takedown.listing import orders_for
from edgeward.takedown.outbox import Outbox
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.recent import Recent, target_key
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Cause, Decision, Incident, PurgeOrder, Reason, Sighting, Target, Verdict

logger = logging.getLogger(__name__)

SIGHTINGS_HELD = 20_000
ORDERS_HELD = 20_000
INCIDENTS_HELD = 2_000
REMEMBERED = 200_000
"""Sightings that are not written again before `refresh_seconds`."""
ORDER_SECONDS = 1.0
"""One order per target, and one per tag, in this time."""
INCIDENT_SECONDS = 60.0
"""One incident per target and entry in this time."""
REPLICA_SECONDS = 2.0

type Mark = tuple[int, int]


class Recorder:
    """Writes sightings, orders and incidents of one proxy worker.

    A sighting whose lists have changed since it was checked is matched again after it was written: the change may have
    been matched backwards over the sightings before this one was among them. `tags`: a cache keeps what it stores under
    the tags of images.
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
        self._catalogue = Catalogue(sightings.store)
        self._noted = Recent(min(settings.refresh_seconds, settings.keep_days * 86400 / 4), REMEMBERED)
        self._ordered = Recent(ORDER_SECONDS, REMEMBERED)
        self._reported = Recent(INCIDENT_SECONDS, REMEMBERED)
        self._sighting_box = Outbox("sightings", self._write_sightings, SIGHTINGS_HELD)
        self._late_box = Outbox("late sightings", self._match_again, SIGHTINGS_HELD)
        self._order_box = Outbox("purge orders", self._place, ORDERS_HELD)
        self._incident_box = Outbox("incidents", incidents.add, INCIDENTS_HELD)

    async def start(self) -> None:
        for box in (self._sighting_box, self._late_box, self._order_box, self._incident_box):
            await box.start()

    def mark(self) -> Mark:
        """Stands for all that was noted and ordered so far; see `reached`."""
        return self._sighting_box.mark, self._order_box.mark

    def reached(self, mark: Mark) -> bool:
        """Whether all that was noted and ordered before the mark is on record."""
        sightings, orders = mark
        # A sighting that is matched again once it is written is in the box for that before its mark is reached.
        return (
            self._sighting_box.reached(sightings)
            and self._order_box.reached(orders)
            and self._late_box.reached(self._late_box.mark)
        )

    async def flush(self) -> None:
        """Wait until all that was noted before is on record."""
        await self._sighting_box.flush()

    async def close(self) -> None:
        """Write what is left, orders first; a store that is away is waited for a few seconds."""
        for box in (self._order_box, self._sighting_box, self._late_box, self._incident_box):
            await box.close()

    def note(self, sighting: Sighting) -> bool:
        """This was delivered. Repeats within `refresh_seconds` are not written again. Returns whether it is written."""
        key = target_key(sighting.target, sighting.fingerprint.sha256)
        if key in self._noted:
            return False
        if self._sighting_box.put(sighting):
            self._noted.add(key)
            return True
        metrics.sightings_dropped.inc()
        return False

    def order(self, target: Target, sha256: str, verdict: Verdict) -> bool:
        """This matched on its way through: have it removed from every cache. Returns whether an order is placed: one
        for the same target may have been a moment ago."""
        key = target_key(target)
        if key in self._ordered:
            return False
        entry_id = verdict.match.entry.id if verdict.match else ""
        tags = self._tags and sha256 not in self._ordered
        placed = [
            self._order_box.put(order)
            for order in orders_for(sha256, [target], Cause.MATCH, time.time(), entry_id=entry_id, tags=tags)
        ]
        if all(placed):
            self._ordered.add(key)
            self._ordered.add(sha256)
        else:
            logger.error("a purge order is lost: the store has been away for too long")
        return any(placed)

    def incident(self, target: Target, sha256: str, verdict: Verdict) -> None:
        """Tell people of a block, or of a match on a monitored list. A verdict without a match is no incident."""
        if verdict.match is None:
            return
        entry, signal = verdict.match.entry, verdict.match.signal
        key = target_key(target, entry.id, verdict.decision)
        if key in self._reported:
            return
        report = Incident(
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
        if self._incident_box.put(report):
            self._reported.add(key)

    def classified(self, classifier: str, target: Target, sha256: str, label: str, score: float) -> None:
        """Have people look at an image that no list knows. It was delivered, and nothing else comes of it."""
        report = Incident(
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
        self._incident_box.put(report)

    async def _place(self, orders: Sequence[PurgeOrder]) -> None:
        await self._orders.place(orders)

    async def _write_sightings(self, batch: Sequence[Sighting]) -> None:
        await self._sightings.write(batch)
        # Read after the write: a change that comes later still is matched backwards with this batch on record.
        version = await self._catalogue.version()
        for sighting in batch:
            if sighting.version != version and not self._late_box.put((sighting, version)):
                metrics.sightings_dropped.inc()

    async def _match_again(self, late: Sequence[tuple[Sighting, int]]) -> None:
        version = max(version for _, version in late)
        if not await self._replica.wait_version(version, REPLICA_SECONDS):
            raise StoreUnavailable(f"the lists have not reached version {version} here")
        await self._orders.place([order for sighting, _ in late for order in await self._late_orders(sighting)])

    async def _late_orders(self, sighting: Sighting) -> list[PurgeOrder]:
        verdict = await self._replica.matcher.patient_verdict(sighting.fingerprint)
        if not verdict.blocks or verdict.match is None:
            return []
        entry, sha256 = verdict.match.entry, sighting.fingerprint.sha256
        began = max(sighting.seen_at, entry.added_at)
        return orders_for(sha256, [sighting.target], Cause.MATCH, began, entry_id=entry.id, tags=self._tags)
