"""Waiting until a change is active in every process, and until what it listed is gone from every cache."""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Self

from edgeward.background.polling import Polling
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.membership import Laggards, SilentReplica
from edgeward.operations.caches import carried_out_by
from edgeward.operations.entry_effect import Effect
from edgeward.operations.list_limits import limits_in_words
from edgeward.operations.order_totals import OrderSummary, add_up
from edgeward.operations.services import Services
from edgeward.operations.takedown_summary import TakedownSummary, summarize
from edgeward.operations.unjudged_responses import wait_judged
from edgeward.purging.orders import in_placing_order
from edgeward.takedowns.takedowns import Takedown
from edgeward.types import Change, Entry
from edgeward.types.outcome_words import DONE_STATES

APPLY_SECONDS = 3.0
"""How long a response waits for processes that have not applied the change. Then it names them."""
POLL_SECONDS = (0.003, 0.05)
"""Pause between two looks at whether a listing is matched: the first, and the longest."""
TAKEDOWN_POLL_SECONDS = (0.003, 0.25)


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """Which processes have applied a version of the lists. `waiting_for` names the live ones that have not; `silent`
    those that are not heard from, had not applied it then, and may still act by older lists."""

    version: int
    waiting_for: Sequence[str]
    silent: Sequence[SilentReplica] = ()

    @classmethod
    def of(cls, version: int, laggards: Laggards) -> Self:
        """`laggards`: behind the version."""
        return cls(version, laggards, laggards.silent)

    @property
    def active(self) -> bool:
        """True: every process has applied the version."""
        return not (self.waiting_for or self.silent)


@dataclass(frozen=True, slots=True)
class PurgeStatus:
    """The purge orders that followed from a listing or a takedown, and what became of them.

    Attributes:
        summary: its state says whether every known copy is gone.
        matched: no more orders will follow: retromatching is complete, or all orders of the takedown are placed.
    """

    summary: OrderSummary
    matched: bool

    def inactive(self, effect: Effect) -> Self:
        """The same of listed signals with this effect, which may block nothing."""
        if not self.matched or (self.orders and effect is Effect.PROTECTED):
            # What is near them, and not near the allowlist's entry, was purged.
            return self
        return replace(self, summary=self.summary.inactive(effect))

    def inactive_in_part(self, effects: Sequence[Effect]) -> Self:
        """The same of what several requests listed, by the effect of each: what one of them listed may block nothing.

        What is missing elsewhere is said first.
        """
        idle = [effect for effect in effects if effect is not Effect.BLOCKS]
        if not idle or not self.matched:
            return self
        if len(idle) == len(effects):
            return self.inactive(idle[0])
        done = self.summary.state in DONE_STATES
        return replace(self, summary=self.summary.inactive(idle[0], partly=True)) if done else self

    @property
    def orders(self) -> int:
        """Number of orders so far."""
        return self.summary.orders

    @property
    def owed(self) -> Mapping[str, int]:
        """By cache, how many of them it has neither carried out nor refused; caches that owe nothing are left out."""
        return self.summary.owed

    @property
    def refused(self) -> Mapping[str, int]:
        """By cache, how many of them it refused: they need the operator."""
        return self.summary.refused


async def wait_applied(list_store: ListStore, version: int) -> ChangeStatus:
    """Wait until every process has applied `version` that is live, or may only have been slow; at most
    APPLY_SECONDS."""
    deadline, polling = time.monotonic() + APPLY_SECONDS, Polling(*POLL_SECONDS)
    while True:
        left = await list_store.wait_applied(version, max(0.0, deadline - time.monotonic()))
        if left or not left.may_return or time.monotonic() >= deadline:
            return ChangeStatus.of(version, left)
        await polling.pause()


async def wait_purged(
    services: Services, version: int, changes: Sequence[Change], known: Set[str], timeout: float
) -> PurgeStatus:
    """Wait until `changes` are retromatched and every cache has carried out or refused every resulting order.

    Args:
        version: of the lists, after the changes. All up to it are waited for if some entries were known.
        changes: the changes whose orders are waited for.
        known: ids of entries that were listed before. All orders they ever led to are waited for.
        timeout: seconds, for both steps together.
    """
    deadline = time.monotonic() + timeout
    listed = _entries_of(services, changes, known)
    lists = sorted({entry.list for entry in listed})
    judging = asyncio.create_task(wait_judged(services, timeout), name="wait for unjudged responses")
    try:
        matched = await _wait_matched(services, version, changes, known, lists, deadline)
        unjudged = await judging
    finally:
        judging.cancel()
    orders: set[str] = set()
    for ids in await services.retromatch.orders_of_each([change.version for change in changes]):
        orders.update(ids or ())  # None: the change is not retromatched yet
    # Of new entries too: what was judged since then is purged in their name.
    orders.update(await services.orders.ids_of_entries(sorted(known)))
    orders.update(await ids_of_entries(services, listed))
    status = await _wait_done(services, in_placing_order(orders), matched, deadline)
    limited = limits_in_words(of for name in lists if (of := services.replica.matcher.lists.get(name)) is not None)
    return replace(status, summary=replace(status.summary.with_unjudged(unjudged), limited=limited))


async def ids_of_entries(services: Services, entries: Collection[Entry]) -> list[str]:
    """Ids of all orders that these entries led to, oldest first: for copies of their images, and for hosts where
    sightings were lost."""
    ids = set(await services.orders.ids_of_entries(sorted({entry.id for entry in entries})))
    for name in sorted({entry.list for entry in entries}):
        added = [entry.added_at for entry in entries if entry.list == name]
        ids.update(await services.orders.lost.of_list(name, min(added), max(added)))
    return in_placing_order(ids)


async def ids_of_takedown(services: Services, takedown: Takedown) -> list[str]:
    """Ids of all orders of a takedown, oldest first. If it listed its hashes, also those for hosts where sightings
    were lost."""
    ids = {order_id async for order_id in services.takedowns.all_orders(takedown.id)}
    if takedown.list:
        ids.update(await services.orders.lost.of_list(takedown.list, takedown.at, takedown.at))
    return in_placing_order(ids)


async def is_matched(services: Services, version: int, lists: Iterable[str]) -> bool:
    """Whether no more orders will follow from entries of these lists: all changes up to `version` are retromatched, and
    no purge of a host where sightings were lost is due."""
    return await services.retromatch.version() >= version and not await _is_due(services, lists)


async def _is_due(services: Services, lists: Iterable[str]) -> bool:
    return any([await services.retromatch.lost_purges.is_due(name) for name in lists])


def _entries_of(services: Services, changes: Sequence[Change], known: Set[str]) -> list[Entry]:
    """The entries of changes, and of ids that were listed before."""
    found = [services.replica.matcher.find(entry_id) for entry_id in sorted(known)]
    return [entry for entry in (*found, *(change.entry for change in changes)) if entry]


async def _wait_matched(
    services: Services,
    version: int,
    changes: Sequence[Change],
    known: Set[str],
    lists: Iterable[str],
    deadline: float,
) -> bool:
    """Wait until all orders are known that the caches must carry out. Returns whether they are."""
    versions, lists, polling = [change.version for change in changes], list(lists), Polling(*POLL_SECONDS)

    async def matched() -> bool:
        if known or not versions:
            # Known entries may still lead to orders by an earlier change.
            return await is_matched(services, version, lists)
        # New ones do not wait for a long batch before them.
        return await services.retromatch.are_matched(versions) and not await _is_due(services, lists)

    while not (done := await matched()) and time.monotonic() < deadline:
        await polling.pause()
    return done


async def wait_taken_down(services: Services, takedown_id: str, timeout: float, verified: bool) -> TakedownSummary:
    """Wait until all orders of a takedown are placed and, with `verified`, every cache has carried them out or refused.

    `timeout` is in seconds. Orders include those of the listing, where the takedown lists its hashes.
    """
    deadline = time.monotonic() + timeout
    polling = Polling(*TAKEDOWN_POLL_SECONDS)
    while True:
        takedown, progress = await services.takedowns.get(takedown_id)
        if progress.placed_at or progress.is_held or time.monotonic() >= deadline:
            break
        await polling.pause()
    ids = await ids_of_takedown(services, takedown)
    if verified:
        await services.orders.wait_done(ids, await carried_out_by(services), max(0.0, deadline - time.monotonic()))
    summary = await summarize(services, takedown, progress, ids)
    if verified:
        unjudged = await wait_judged(services, max(0.0, deadline - time.monotonic()))
        summary = replace(summary, orders=summary.orders.with_unjudged(unjudged.of(takedown)))
    return summary


async def _wait_done(services: Services, ids: Sequence[str], matched: bool, deadline: float) -> PurgeStatus:
    await services.orders.wait_done(ids, await carried_out_by(services), max(0.0, deadline - time.monotonic()))
    return PurgeStatus((await add_up(services, ids)).summary(matched), matched)
