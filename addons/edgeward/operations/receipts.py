"""Receipts: the proof of a takedown, or of a listing. Who asked for what, and what each cache did."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeward.errors import NotFound
from edgeward.lists.removed_entries import find_removed
from edgeward.operations import entries, purges, takedowns
from edgeward.operations.entry_effect import Effect, effect_of
from edgeward.operations.list_limits import limits_in_words
from edgeward.operations.order_totals import OrderSummary, add_up
from edgeward.operations.purges import OrderStatus
from edgeward.operations.services import Services
from edgeward.operations.takedowns import TakedownStatus
from edgeward.operations.unjudged_responses import unjudged_since
from edgeward.operations.waiting import ChangeStatus, ids_of_entries, is_matched
from edgeward.types import Change, Decision, Entry, Incident

ENTRY_ID = r"[0-9a-f]{20}"


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """The summary of all orders, and one page of them. `cursor`: where the next page begins; 0 if this is the last."""

    summary: OrderSummary
    purges: Sequence[OrderStatus]
    cursor: int


@dataclass(frozen=True, slots=True)
class TakedownReceipt:
    """The receipt of a takedown. `change`: whether every process has applied the current lists; None if it listed
    nothing."""

    status: TakedownStatus
    page: OrdersPage
    change: ChangeStatus | None = None


@dataclass(frozen=True, slots=True)
class EntryReceipt:
    """The receipt of a listing.

    Attributes:
        change: whether every process has applied the current lists.
        matched: the current lists are retromatched, so no more orders will follow.
        effect: what the entry does now.
        first_blocked: the first time that it blocked; None if it is not known to have blocked.
        removal: the change that removed it, or its list; None: it is listed.
    """

    entry: Entry
    change: ChangeStatus
    matched: bool
    effect: Effect
    first_blocked: Incident | None
    page: OrdersPage
    removal: Change | None = None


async def of_takedown(services: Services, takedown_id: str, cursor: int, limit: int) -> TakedownReceipt:
    """The receipt of a takedown, with up to `limit` of its orders from number `cursor` on.

    Raises:
        NotFound: there is no such takedown.
    """
    status, ids = await takedowns.get(services, takedown_id)
    assert status.summary is not None
    unjudged = await unjudged_since(services, status.takedown.at)
    summary = status.summary.orders.with_unjudged(unjudged.of(status.takedown))
    status = replace(status, summary=replace(status.summary, orders=summary))
    change = await _applied(services) if status.takedown.list else None
    return TakedownReceipt(status, await _page(services, ids, summary, cursor, limit), change)


async def of_entry(services: Services, entry_id: str, cursor: int, limit: int) -> EntryReceipt:
    """The receipt of an entry: since when it is listed, first blocked, and gone from each cache.

    Also of one that was removed, as long as the audit trail has it.

    Raises:
        NotFound: there is no such entry, and there was none.
        Unavailable: there are too many changes to search all for a removed one.
    """
    entry, removal = await entry_of(services, entry_id)
    change = await _applied(services)
    matched = await is_matched(services, change.version, [entry.list])
    first_blocked = await services.incidents.first(entry_id, entry.added_at, Decision.BLOCK)
    ids = await ids_of_entries(services, [entry])
    summary = (await add_up(services, ids)).summary(matched)
    summary = summary.with_unjudged(await unjudged_since(services, entry.added_at))
    of_list = services.replica.matcher.lists.get(entry.list)
    summary = replace(summary, limited=limits_in_words([of_list] if of_list is not None else ()))
    effect = await effect_of(services, entry) if removal is None else Effect.REMOVED
    summary = summary.inactive(effect)
    page = await _page(services, ids, summary, cursor, limit)
    return EntryReceipt(entry, change, matched, effect, first_blocked, page, removal)


async def entry_of(services: Services, entry_id: str) -> tuple[Entry, Change | None]:
    """An entry, and what removed it; None: it is listed. Errors as in `of_entry`."""
    try:
        return entries.find(services, entry_id), None
    except NotFound:
        removed = await find_removed(services.store, entry_id) if re.fullmatch(ENTRY_ID, entry_id) else None
        if removed is None:
            raise
        return removed.entry, removed.removal


async def _applied(services: Services) -> ChangeStatus:
    # The version of the entry's own change is not stored. The current version is at least as high.
    version = await services.list_store.version()
    return ChangeStatus.of(version, await services.list_store.laggards(version))


async def _page(services: Services, ids: Sequence[str], summary: OrderSummary, cursor: int, limit: int) -> OrdersPage:
    end = cursor + limit
    shown = await purges.get_many(services, ids[cursor:end])
    return OrdersPage(summary, shown, end if end < len(ids) else 0)
