"""What a worker writes to the store: sightings of what it served, purge orders and incidents.

No request waits for the store: all goes to bounded buffers, which tasks write out.
"""

import logging
from collections.abc import Sequence
from typing import Any

from edgeward.background.ttl_set import TtlSet
from edgeward.background.write_buffer import WriteBuffer
from edgeward.incidents import Incidents
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.policy.list_limits import verdict_on
from edgeward.proxy.incident_reporter import IncidentReporter
from edgeward.proxy.lost_hosts_file import LostHostsFile
from edgeward.proxy.lost_sightings import NO_VERSION, LostSightings
from edgeward.proxy.match_allowance import MatchAllowance
from edgeward.proxy.match_rate import MatchRate
from edgeward.proxy.prefix_purges import PrefixPurges
from edgeward.purging.image_orders import image_orders
from edgeward.purging.order_room import OrderRoom
from edgeward.purging.orders import Orders
from edgeward.retromatch.forgotten_purges import ForgottenPurges
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.types import Cause, PurgeOrder, Scope, Sighting, Target, Verdict, target_key

logger = logging.getLogger(__name__)

MAX_SIGHTINGS, MAX_SIGHTING_BYTES = 20_000, 48 * 1024 * 1024
"""That wait to be written; and as many that wait to be matched again."""
MAX_ORDERS, MAX_ORDER_BYTES = 20_000, 32 * 1024 * 1024
RECORD_BYTES, SIGNAL_BYTES = 600, 250
"""About what a sighting or an order takes in memory beside the texts of its target, and what each signal takes."""
REMEMBERED_KEYS = 200_000
"""How many sightings and orders are remembered so that they are not repeated; of each kind."""
ORDER_SECONDS = 1.0
"""At most one order per target, and one per tag, in this time."""
REPLICA_SECONDS = 2.0
"""After this wait for this worker's lists to reach the version at which a sighting is matched again, it is logged."""

type Position = tuple[int, int, int, int]
"""In the buffers of sightings, of orders, of hosts of what was lost, and of purges by prefix."""


class Recorder:
    """Writes sightings, orders and incidents of one proxy worker.

    If a list changed between the check of a response and the write of its sighting, the sighting is matched again:
    retromatching may have searched the sightings before this one was among them.

    Args:
        tags: a cache stores images under their tags, so they can be purged by tag.
        caches: names of the configured ones.
        lost_hosts: keeps the hosts of lost sightings if this worker dies before they are in the store.
    """

    def __init__(
        self,
        sightings: Sightings,
        orders: Orders,
        replica: Replica,
        settings: SightingsSettings,
        incidents: Incidents,
        tags: bool = False,
        lost_hosts: LostHostsFile | None = None,
        caches: Sequence[str] = (),
    ) -> None:
        self._sightings, self._orders, self._replica, self._tags = sightings, orders, replica, tags
        self._list_store = ListStore(sightings.store)
        # A sighting is written again well before it expires.
        refresh_seconds = min(settings.refresh_seconds, settings.keep_days * 86400 / 4)
        self._recent_sightings = TtlSet(refresh_seconds, REMEMBERED_KEYS)
        self._recent_orders = TtlSet(ORDER_SECONDS, REMEMBERED_KEYS)
        # Orders that wait to be written, by target, with their marks.
        self._unjudged_orders: dict[bytes, int] = {}
        self._requested_again = TtlSet(refresh_seconds, REMEMBERED_KEYS // 2)
        # Sightings judged by lists that may be out of date, that wait to be written, with their marks.
        self._behind: dict[bytes, int] = {}
        self._lost = LostSightings(sightings, orders, self._list_store, lost_hosts)
        self._sighting_buffer = WriteBuffer(
            "sightings",
            self._write_sightings,
            MAX_SIGHTINGS,
            self._lose_sightings,
            max_bytes=MAX_SIGHTING_BYTES,
            bytes_of=_sighting_bytes,
        )
        self._rematch_buffer = WriteBuffer(
            "sightings to match again",
            self._rematch,
            MAX_SIGHTINGS,
            self._lose_matches,
            max_bytes=MAX_SIGHTING_BYTES,
            bytes_of=lambda item: _sighting_bytes(item[0]),
        )
        self._order_buffer = WriteBuffer(
            "purge orders",
            self._place_orders,
            MAX_ORDERS,
            self._lose_orders,
            max_bytes=MAX_ORDER_BYTES,
            bytes_of=_order_bytes,
        )
        self._allowance, self._room = MatchAllowance(), OrderRoom(sightings.store, sightings.memory, caches)
        purges = ForgottenPurges(sightings.store, sightings.forgotten, orders)
        self._prefix_purges = PrefixPurges(sightings.forgotten, purges, self._room, tags)
        self._match_rate = MatchRate()
        self._incident_reporter = IncidentReporter(incidents)
        replica.on_store_loss.append(self._forget_written)

    @property
    def _buffers(self) -> Sequence[WriteBuffer[Any]]:
        """Those that must not lose anything; in the order in which they are closed: the later take losses of others."""
        return (
            self._order_buffer,
            self._prefix_purges.buffer,
            self._sighting_buffer,
            self._rematch_buffer,
            self._lost.buffer,
        )

    async def start(self) -> None:
        await self._lost.start()
        for buffer in self._buffers[:-1]:
            await buffer.start()
        await self._incident_reporter.start()
        await self._match_rate.start()
        await self._room.start()

    def position(self) -> Position:
        """A position after everything recorded and ordered so far; see `is_written`."""
        buffers = self._sighting_buffer, self._order_buffer, self._lost.buffer, self._prefix_purges.buffer
        sightings, orders, lost, prefixes = (buffer.mark for buffer in buffers)
        return sightings, orders, lost, prefixes

    def is_written(self, position: Position) -> bool:
        """Whether all up to the position is in the store, and matched again where needed."""
        sightings, orders, lost, prefixes = position
        # A sighting enters the rematch buffer before the buffer of sightings counts it as written.
        return (
            self._sighting_buffer.reached(sightings)
            and self._order_buffer.reached(orders)
            and self._rematch_buffer.reached(self._rematch_buffer.mark)
            and self._lost.buffer.reached(lost)
            and self._prefix_purges.buffer.reached(prefixes)
        )

    async def flush(self) -> None:
        """Wait until all sightings recorded so far are in the store, and the hosts of those that were lost."""
        await self._sighting_buffer.flush()
        await self._lost.buffer.flush()

    async def close(self) -> None:
        """Write what is left, orders first. If the store is unavailable, try for a few seconds."""
        self._prefix_purges.end_pause()
        for buffer in self._buffers:
            await buffer.close()
        await self._incident_reporter.close()
        await self._match_rate.close()
        await self._room.close()

    def record_sighting(self, sighting: Sighting) -> bool:
        """Have a sighting written, unless it was twice within `refresh_seconds`. Returns whether it will be.

        The second one tells a target that is requested again from one that was requested once: that is forgotten first.
        One that was judged by lists that may be out of date is written in any case: what was listed meanwhile may have
        been purged before a cache stored this response. Once it is written it is matched again. One that waits to be
        written does for all like it.

        A sighting that cannot be written is remembered as lost.
        """
        key, is_behind = _sighting_key(sighting), self._replica.is_behind(sighting.version)
        written_before = self._requested_again if key in self._recent_sightings else self._recent_sightings
        if key in written_before and not (is_behind and not self._waits_behind(key)):
            return False
        if not self._sighting_buffer.put(sighting):
            return False
        written_before.add(key)
        if is_behind:
            self._note_behind(key)
        return True

    def _waits_behind(self, key: bytes) -> bool:
        """Whether a sighting with this key that was judged by lists which may be out of date waits to be written."""
        mark = self._behind.get(key)
        # Once it is being written, the version of the store may have been read to which it is compared.
        return mark is not None and not self._sighting_buffer.has_begun(mark)

    def _note_behind(self, key: bytes) -> None:
        """What was put into the buffer last was judged so. What is not in the buffer any more is forgotten."""
        while self._behind and self._sighting_buffer.has_begun(next(iter(self._behind.values()))):
            del self._behind[next(iter(self._behind))]
        self._behind.pop(key, None)
        self._behind[key] = self._sighting_buffer.mark

    def forget(self, target: Target, version: int) -> None:
        """Remember that what a target served, judged by the lists at `version` if at all, could not be recorded."""
        self._lost.add(target, version)

    def order_purge(self, target: Target, sha256: str, verdict: Verdict) -> bool:
        """Have a matching image removed from every cache, unless that was ordered within ORDER_SECONDS. Of too many
        targets, the copies are removed by prefix.

        Returns whether an order will be written.
        """
        key = target_key(target, str(target.size))
        if key in self._recent_orders:
            return False
        entry_id = verdict.match.entry.id if verdict.match else ""
        if self._room.is_full or not self._allowance.take(target, sha256):
            self._recent_orders.add(key)
            return self._purge_by_prefix(target, sha256, entry_id)
        # A purge by tag removes the image from all targets: also from those where its list does not act.
        tags = self._has_tag_order(verdict) and sha256 not in self._recent_orders
        placed = [
            self._order_buffer.put(order)
            for order in image_orders(
                sha256, [target], Cause.MATCH, self._sightings.store.clock.now(), entry_id=entry_id, tags=tags
            )
        ]
        if all(placed):
            self._recent_orders.add(key)
            if self._has_tag_order(verdict):
                self._recent_orders.add(sha256)
        else:
            logger.error("a purge order was lost: the store was unavailable for too long")
        return any(placed)

    def order_unjudged_purge(
        self, target: Target, why: str = "its response could not be judged", *, unanswered: bool = False
    ) -> bool:
        """Have a target removed from every cache, since nobody judged in time what they may have stored under it.

        `unanswered`: nobody has seen headers of its response: they can't have stored it yet.

        Returns whether an order is on its way to the store, this one or one that waits to be written.
        """
        # Once an order is being written a cache may have carried it out, and stored another copy.
        waiting = self._unjudged_orders
        while waiting and self._order_buffer.has_begun(next(iter(waiting.values()))):
            del waiting[next(iter(waiting))]
        # One that is waited for does for one that is not, and not the other way round.
        answered_key = target_key(target)
        key = target_key(target, "unanswered") if unanswered else answered_key
        if answered_key in waiting or key in waiting:
            return True
        order = PurgeOrder(
            target, Cause.UNJUDGED, self._sightings.store.clock.now(), why=why, by="proxy", unanswered=unanswered
        )
        if not self._order_buffer.put(order):
            return False
        waiting[key] = self._order_buffer.mark
        return True

    def report_incident(self, target: Target, sha256: str, verdict: Verdict) -> None:
        """Report a match, blocked or monitored; see IncidentReporter."""
        if verdict.match is not None:
            self._match_rate.add(verdict.match.entry.id)
        self._incident_reporter.report(target, sha256, verdict)

    def report_classification(self, classifier: str, target: Target, sha256: str, label: str, score: float) -> None:
        """Report a delivered image for review: a classifier labelled it."""
        self._incident_reporter.report_classification(classifier, target, sha256, label, score)

    def _forget_written(self) -> None:
        """The store has lost what was written: all is written again when it comes again."""
        for written in (self._recent_sightings, self._requested_again, self._recent_orders):
            written.clear()
        self._behind.clear()
        self._incident_reporter.forget_windows()
        self._sightings.forget_written()

    def _has_tag_order(self, verdict: Verdict) -> bool:
        """Whether the copies of a listed image are to be removed everywhere, and some cache can do so by its tag."""
        of_list = self._replica.matcher.lists.get(verdict.match.entry.list) if verdict.match else None
        return self._tags and not (of_list and of_list.is_limited)

    def _purge_by_prefix(self, target: Target, sha256: str, entry_id: str) -> bool:
        if not self._prefix_purges.add(target, sha256, entry_id):
            self._lost.add(target, NO_VERSION)
        return True

    async def _place_orders(self, orders: Sequence[PurgeOrder]) -> None:
        """Place orders; without room, purge the targets of matches by prefix."""
        if any(map(_is_match, orders)) and not await self._room.check():
            await self._prefix_purges.place([order for order in orders if _is_match(order)])
            orders = [order for order in orders if not _is_match(order)]
        await self._orders.place(orders)

    async def _write_sightings(self, batch: Sequence[Sighting]) -> None:
        await self._sightings.write(batch)
        # Read after the write: the retromatching of any later change finds this batch in the store.
        version = await self._list_store.version()
        for sighting in batch:
            if sighting.version != version:
                self._rematch_buffer.put((sighting, version))

    def _lose_sightings(self, sightings: Sequence[Sighting]) -> None:
        for sighting in sightings:
            # Recorded when it comes again, so that one purge makes up for what is lost now.
            for written in (self._recent_sightings, self._requested_again):
                written.discard(_sighting_key(sighting))
            self._lost.add(sighting.target, sighting.version)

    def _lose_matches(self, matches: Sequence[tuple[Sighting, int]]) -> None:
        self._lose_sightings([sighting for sighting, _ in matches])

    @property
    def has_room_for_unjudged(self) -> bool:
        """Whether the store and the caches had room a moment ago for purges of what nobody could judge."""
        return self._room.has_room_for_unjudged()

    def _lose_orders(self, orders: Sequence[PurgeOrder]) -> None:
        for order in orders:
            # Its image is listed already: what is lost must be purged now, not with the next listing. The order by tag
            # stands beside one for a target.
            if order.scope is not Scope.TAG:
                self._lost.add(order.target, NO_VERSION)

    async def _rematch(self, batch: Sequence[tuple[Sighting, int]]) -> None:
        await self._wait_for_lists(max(version for _, version in batch))
        await self._place_orders([order for sighting, _ in batch for order in await self._orders_for(sighting)])

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
        verdict = await verdict_on(self._replica.matcher, sighting.fingerprint, sighting.target)
        if not verdict.blocks or verdict.match is None:
            return []
        entry, sha256 = verdict.match.entry, sighting.fingerprint.sha256
        started_at, tags = max(sighting.seen_at, entry.added_at), self._has_tag_order(verdict)
        return image_orders(sha256, [sighting.target], Cause.MATCH, started_at, entry_id=entry.id, tags=tags)


def _is_match(order: PurgeOrder) -> bool:
    """Whether it is for one target of a match in transit."""
    return order.cause is Cause.MATCH and order.scope is Scope.TARGET


def _sighting_key(sighting: Sighting) -> bytes:
    # With the size: a cache may store more slices of the target than the size on record tells.
    return target_key(sighting.target, sighting.fingerprint.sha256, str(sighting.target.size))


def _sighting_bytes(sighting: Sighting) -> int:
    return RECORD_BYTES + sighting.target.length + SIGNAL_BYTES * len(sighting.fingerprint.signals)


def _order_bytes(order: PurgeOrder) -> int:
    return RECORD_BYTES + order.target.length
