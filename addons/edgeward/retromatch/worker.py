"""Retromatching: each change of the lists is matched against all sightings, and what it made listed is purged.

The consumer group "retro" hands the changes out, so that several controllers share them. If a controller dies, another
claims its changes; a change of policy or a batch continues after the last step that was recorded. Between two such
steps the entries are matched that were added meanwhile. Each controller has its own index of the images seen.

Nothing is missed when an image is listed and seen at the same time. The index catches up with the sightings after the
change is known. A sighting that is written later was judged with the change applied, or its recorder matches it again.
"""

import asyncio
import logging
import math
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

from edgeward import metrics
from edgeward.background.consumer_group import ConsumerGroup, Item
from edgeward.background.outage_log import OutageLog
from edgeward.background.worker_loop import WorkerLoop
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.lists.stored_lists import parse_changes, read_list
from edgeward.purging.orders import Orders
from edgeward.retromatch.order_placement import PlacedOrders
from edgeward.retromatch.order_planner import OrderPlanner, PendingChange
from edgeward.retromatch.progress import Progress
from edgeward.retromatch.search_scope import Search
from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.retromatch.seen_image_search import SeenImageSearch
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Change, Fingerprint, HashList, Signal

logger = logging.getLogger(__name__)

CHANGES_PER_BATCH = 2000
"""Changes that one controller matches together: about a second of work with a million images seen. Smaller than a long
import, so that several controllers share it."""
CHANGES_PER_READ = 250
"""Changes in one answer of the store: a few milliseconds of parsing."""
BLOCK_MS = 1000
MAX_WAITING = 100
"""Batches and changes of policy that a controller has taken and not matched yet, beyond which it takes no more changes
between the steps of one."""
CLAIM_SECONDS = 5.0
"""Changes whose lease was not renewed for this long are taken over: their controller is dead."""
RENEWAL_SECONDS = 1.0
OWN_REPLICA_WAIT_SECONDS = 5.0
"""How long this process's own lists may lag behind a change before that is logged."""
MAX_REPLICA_WAIT_SECONDS = 2.5
"""How long to wait for other processes to apply a change. A dead one counts as alive for a little less than that."""
RETRY_SECONDS = 0.2


class RetromatchWorker:
    """Matches each change of the lists against all sightings, and places the purge orders that follow.

    Args:
        consumer: a name unique to this controller.
        tags: whether a cache stores images under their tags.
    """

    def __init__(
        self,
        store: Store,
        replica: Replica,
        sightings: Sightings,
        orders: Orders,
        consumer: str = "",
        tags: bool = False,
    ) -> None:
        self._replica = replica
        self._list_store = ListStore(store, replica.membership)
        self._group = ConsumerGroup(store, self._list_store.stream, "retro")
        self._progress = Progress(store)
        self._seen_image_search = SeenImageSearch(sightings, replica.matcher.min_quality)
        self._order_planner = OrderPlanner(
            self._seen_image_search, replica, self._list_store, sightings, orders, self._progress, tags
        )
        self.lost_purges = self._order_planner.lost_purges
        self._consumer = consumer or socket.gethostname()
        self._claimed = -math.inf
        self._outage_log = OutageLog("retromatching")
        self._loop = WorkerLoop(
            "retromatching",
            self._step,
            metric_label="retromatch",
            retry_seconds=RETRY_SECONDS,
            on_failure=self._reclaim,
            after_defect="the change is tried again",
            outage_log=self._outage_log,
        )

    async def start(self) -> None:
        """Start in the background. Every image seen is read first."""
        self._claimed = -math.inf
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()
        await self._seen_image_search.close()

    @property
    def ready(self) -> bool:
        """Whether the index holds every image seen."""
        return self._seen_image_search.ready

    async def near(self, signal: Signal, radius: int) -> list[Fingerprint]:
        """Every image seen with a signal within `radius` bits of this one.

        Raises:
            StoreUnavailable: the images seen are still being read.
        """
        return await self._seen_image_search.near(signal, radius)

    async def images_seen(self) -> int:
        """Number of images in the index."""
        return await self._seen_image_search.count()

    async def sample(self, count: int) -> SeenImageIndex:
        """An index of `count` of the images seen, chosen at random; of all, if there are no more."""
        return await self._seen_image_search.sample(count)

    async def sample_ids(self, count: int) -> list[str]:
        """The ids of as many of them."""
        return await self._seen_image_search.sample_ids(count)

    async def near_each(self, searches: Sequence[Search]) -> list[set[str]]:
        """For each search the ids of the images seen that may match it: their fingerprints tell.

        Raises:
            StoreUnavailable: the images seen are still being read.
        """
        return await self._seen_image_search.near_each_seen(searches)

    async def orders_of(self, version: int) -> list[str] | None:
        """Ids of the orders that the change with this version led to; None if it is not matched yet."""
        return (await self.orders_of_each([version]))[0]

    async def orders_of_each(self, versions: Sequence[int]) -> list[list[str] | None]:
        """The same for many versions."""
        return await self._progress.orders_of(versions)

    def order_pieces(self, version: int, after: int = 0) -> AsyncIterator[list[str]]:
        """The ids of the orders that a version led to so far, without the first `after`, in pieces of 1,000: a batch
        may lead to hundreds of thousands. Later ids come after those that are there; some may come twice."""
        return self._progress.order_pieces(version, after)

    async def version(self) -> int:
        """The version up to which all controllers together have matched all changes. Purges of hosts of lost sightings
        may still be due: see LostPurges.is_due."""
        await self._group.ensure()
        return int((await self._group.reached()).partition("-")[0])

    async def are_matched(self, versions: Sequence[int]) -> bool:
        """Whether these changes, in order, are matched. Earlier ones, such as a long batch, need not be."""
        if not versions or await self.version() >= versions[-1]:
            return True
        if await self.orders_of(versions[-1]) is None:
            return False
        return None not in await self.orders_of_each(versions)

    async def owes_nothing(self) -> bool:
        """Whether every change is matched."""
        return (await self._group.owed()).count == 0

    async def forget_old(self, now: float) -> None:
        """Forget the orders of versions that were matched long ago. `now`: the store's time, Unix seconds."""
        await self._progress.forget_old(await self.version(), now)

    def _reclaim(self, _: Exception) -> None:
        """After a failure, what was taken and not matched is looked for first."""
        self._claimed = -math.inf

    async def _step(self) -> None:
        # At each step: other controllers go on too, and this one may start when nothing is left to match.
        await self._show_progress()
        if not self.ready:
            await self._seen_image_search.refresh()
        await self.lost_purges.place_due()
        batch = await self._next_batch()
        if not batch:
            await self._seen_image_search.refresh()
            return
        held = _item_ids(batch)
        async with self._leases_renewed(held):
            await self._bring_up_to_date(batch[-1].change.version)
            await self._match(batch, held)

    async def _bring_up_to_date(self, version: int) -> None:
        """Wait until this process has the lists of this version, and the index all sightings judged by older ones."""
        while not await self._replica.wait_version(version, OWN_REPLICA_WAIT_SECONDS):
            logger.warning("retromatch: waiting until this process has lists of version %d", version)
        # A worker records what it judged by older lists before it reports that it has applied these. After this
        # wait, all such sightings are on record.
        if late := await self._list_store.wait_applied(version, MAX_REPLICA_WAIT_SECONDS):
            logger.warning("retromatch: %d processes lag behind; they match their sightings again", len(late))
        await self._seen_image_search.refresh()

    async def _show_progress(self) -> None:
        """Set the metrics of what is matched, and of what is not."""
        metrics.retro_version.set(await self.version())
        metrics.retro_pending.set((await self._group.owed()).count)

    async def _next_batch(self) -> list[PendingChange]:
        """Changes to match: first unfinished ones, this controller's own and those of dead ones; then new ones."""
        if time.monotonic() - self._claimed > CLAIM_SECONDS:
            await self._group.ensure()
            if unfinished := await self._unfinished():
                # New ones too: one that can't be matched must not hold up all others.
                more = await self._new_changes(block_ms=1) if len(unfinished) < CHANGES_PER_BATCH else []
                return [*unfinished, *more]
            self._claimed = time.monotonic()
        # It lives, though it holds nothing: what it takes now is its own.
        await self._group.hold(self._consumer)
        return await self._new_changes(BLOCK_MS)

    async def _new_changes(self, block_ms: int) -> list[PendingChange]:
        """Changes that no controller has taken. Waits for one."""
        batch: list[PendingChange] = []
        while len(batch) < CHANGES_PER_BATCH:
            items = await self._group.take(self._consumer, CHANGES_PER_READ, block_ms)
            batch += await self._matchable(items)
            if len(items) < CHANGES_PER_READ:
                break
            block_ms = 1
        return batch

    async def _unfinished(self) -> list[PendingChange]:
        claimed = 0
        while claimed < CHANGES_PER_BATCH:
            items = await self._group.claim(self._consumer, int(CLAIM_SECONDS * 1000), CHANGES_PER_READ)
            if not items:
                break
            claimed += len(items)
        # Claimed changes now belong to this controller, like those that it left at a restart: one read gives both.
        batch: list[PendingChange] = []
        after = "0"
        while len(batch) < CHANGES_PER_BATCH:
            items = await self._group.mine(self._consumer, after, CHANGES_PER_READ)
            if not items:
                break
            batch += await self._matchable(items)
            after = items[-1][0]
        return batch

    async def _matchable(self, items: Sequence[Item]) -> list[PendingChange]:
        """The changes that this release can read. Those of a later one are left to its controllers."""
        batch = _parse(items)
        left = {each.change.version for each in batch if each.change.unreadable and each.change.unreadable.is_later}
        await self._group.leave([f"{version}-0" for version in sorted(left)])
        return [each for each in batch if each.change.version not in left]

    @asynccontextmanager
    async def _leases_renewed(self, held: Collection[str]) -> AsyncIterator[None]:
        """Keep other controllers from claiming changes meanwhile. `held`: their ids, at any time."""

        async def renew() -> None:
            await asyncio.sleep(RENEWAL_SECONDS)
            await self._group.hold(self._consumer, sorted(held))

        # A batch goes on without its leases: matched twice, it does no harm.
        loop = WorkerLoop(
            "leases of changes",
            renew,
            metric_label="retromatch",
            retry_seconds=RETRY_SECONDS,
            outage_log=self._outage_log,
        )
        await loop.start()
        try:
            yield
        finally:
            await loop.close()

    async def _match(self, batch: Sequence[PendingChange], held: set[str]) -> None:
        """Match changes. `held` has the ids of those that this controller holds; it is kept up to date."""
        placed: PlacedOrders = {}
        # Entries go first, all together: an image that an entry and a new policy both list is attributed to the entry.
        await self._match_short(batch, placed, held)
        waiting = deque((pending, placed) for pending in batch if _is_long(pending.change))
        while waiting:
            pending, placed = waiting.popleft()
            began = time.perf_counter()
            async with aclosing(self._order_planner.match_in_steps(pending, placed)) as steps:
                async for _ in steps:
                    await self._match_arrivals(waiting, held)
            await self._progress.record_stepped(pending.change.version)
            await self._acknowledge([pending.change.version], held)
            metrics.retro_match_seconds.observe(time.perf_counter() - began)

    async def _match_arrivals(self, waiting: deque[tuple[PendingChange, PlacedOrders]], held: set[str]) -> None:
        """Match the changes of entries that were made meanwhile: they must not wait for a long list. The others are
        added to `waiting`."""
        await self._show_progress()
        arrivals = await self._new_changes(block_ms=1) if len(waiting) < MAX_WAITING else []
        if not arrivals:
            return
        held |= _item_ids(arrivals)
        await self._bring_up_to_date(arrivals[-1].change.version)
        await self._match_short(arrivals, {}, held)
        waiting += [(each, {}) for each in arrivals if _is_long(each.change)]

    async def _match_short(self, batch: Sequence[PendingChange], placed: PlacedOrders, held: set[str]) -> None:
        """Match all changes that take no steps, together."""
        if entries := [pending for pending in batch if pending.change.entry]:
            began = time.perf_counter()
            await self._record(await self._order_planner.match_entries(entries, placed), held)
            metrics.retro_match_seconds.observe(time.perf_counter() - began)
        # A refill is a line of the audit trail alone.
        nothing = [each.change.version for each in batch if not (each.change.entry or _is_long(each.change))]
        await self._record({version: [] for version in nothing}, held)

    async def _record(self, orders: Mapping[int, Sequence[str]], held: set[str]) -> None:
        """Record by version the orders, and acknowledge the changes: in this order, so that a crash loses neither."""
        await self._progress.record_matched(orders)
        await self._acknowledge(list(orders), held)

    async def _acknowledge(self, versions: Sequence[int], held: set[str]) -> None:
        ids = [f"{version}-0" for version in versions]
        await self._group.acknowledge(ids)
        held.difference_update(ids)


def _item_ids(batch: Sequence[PendingChange]) -> set[str]:
    return {f"{pending.change.version}-0" for pending in batch}


def _is_long(change: Change) -> bool:
    """Whether a change is matched in steps: a batch, or a change of policy."""
    return bool(change.batch or change.list)


def _parse(items: Sequence[Item]) -> list[PendingChange]:
    """The changes in the order of the stream, which is that of their versions."""
    changes = parse_changes([(item_id.encode(), fields) for item_id, fields in items])
    lists_before = [read_list("", fields[b"was"]) if b"was" in fields else None for _, fields in items]
    # A list as it was that can't be read says nothing: then all of the change is matched.
    return [
        PendingChange(change, before if isinstance(before, HashList) else None)
        for change, before in zip(changes, lists_before, strict=True)
    ]
