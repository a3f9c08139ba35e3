"""Takedowns: URLs, prefixes and images to remove from every cache."""

import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from edgeward import metrics
from edgeward.errors import InvalidValue, NotFound
from edgeward.operations import cache_keys, caches, entry_effect, held_updates
from edgeward.operations.guard import note_held
from edgeward.operations.matchability import NotMatching, not_matching
from edgeward.operations.services import Services
from edgeward.operations.store import note_loss, refuse_changes_after_loss
from edgeward.operations.takedown_summary import TakedownSummary, summarize
from edgeward.operations.waiting import ChangeStatus, PurgeStatus, ids_of_takedown, wait_applied, wait_taken_down
from edgeward.store.connection import STORE_AWAY
from edgeward.takedowns.takedowns import ID_PREFIX, Takedown, TakedownProgress
from edgeward.types import HashList, Signal, Target
from edgeward.types.outcome_words import ReceiptState

PLACING_SECONDS = 1.0
"""How long to wait until the orders of a new takedown are placed. Then it continues in the background."""
MAX_ORDER_IDS = 1000
"""Ids of orders in one result."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks for a takedown.

    Attributes:
        by: the name, for the audit trail.
        way: "api" or "webhook".
        hosts: images that are not listed are purged at these hosts only; () is everywhere.
        key: the idempotency key, unique among all requesters; "" for none.
    """

    by: str
    way: str
    hosts: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class TakedownRequest:
    """What is to be gone, without repetitions.

    Attributes:
        urls: plain targets, without `vary`.
        prefixes: plain targets too; all below them is meant.
        written: by URL as it was written, those of `urls` that it stands for; () if each stands for one.
        list: the list that the signals are added to; "" for none.
    """

    urls: tuple[Target, ...] = ()
    prefixes: tuple[Target, ...] = ()
    signals: tuple[Signal, ...] = ()
    list: str = ""
    why: str = ""
    written: tuple[tuple[Target, ...], ...] = ()


class TakedownState(StrEnum):
    PLACING = "placing"
    """More orders will follow."""
    PLACED = "placed"
    """All orders are placed."""
    HELD = "held"
    """It would block or purge too much: a second person must approve it."""


@dataclass(frozen=True, slots=True)
class TakedownStatus:
    """A takedown, and how far it is.

    `steps`: how many steps it has, 0 if that was not asked for. `summary`: what its caches did, if that was asked for.
    """

    takedown: Takedown
    progress: TakedownProgress
    steps: int = 0
    summary: TakedownSummary | None = None

    @property
    def state(self) -> TakedownState:
        if self.progress.is_held:
            return TakedownState.HELD
        return TakedownState.PLACED if self.progress.placed_at else TakedownState.PLACING


@dataclass(frozen=True, slots=True)
class TakedownResult:
    """A takedown and what its caches owe.

    Attributes:
        order_ids: the first MAX_ORDER_IDS of its orders.
        notes: what keeps its hashes from being blocked.
        not_matching: which of its hashes find nothing, and why.
        change: whether its listing is in force; None if it listed nothing.
    """

    status: TakedownStatus
    order_ids: Sequence[str]
    purge: PurgeStatus
    notes: Sequence[str] = ()
    not_matching: Sequence[NotMatching] = ()
    change: ChangeStatus | None = None


def check_content(places: Collection[object], hashes: Collection[object], list_name: str | None) -> None:
    """Raises InvalidValue unless something is to be taken down, and, with a list, a hash to list.

    `places`: URLs and prefixes. They and `hashes` are only counted.
    """
    if not (places or hashes):
        raise InvalidValue("nothing to take down: give urls, prefixes or hashes")
    if list_name and not hashes:
        raise InvalidValue("only hashes can be listed: give hashes, or leave out list")


async def create(
    services: Services, request: TakedownRequest, requester: Requester, timeout: float | None = None
) -> TakedownResult:
    """Record a takedown and wait until its orders are placed.

    It is on record before its first order is placed, so another controller can complete it. Asked again under the
    same idempotency key, it is the takedown recorded first.

    Args:
        timeout: seconds to wait until every cache has carried out the orders; None waits up to PLACING_SECONDS for the
            orders only.

    Raises:
        InvalidValue: nothing is to be taken down, or nothing to be listed.
        NotFound: the list does not exist.
        Conflict: something else was asked for under the same idempotency key.
    """
    check_content([*request.urls, *request.prefixes], request.signals, request.list)
    on: HashList | None = None
    if request.list:
        refuse_changes_after_loss(services)
        on = await services.list_store.get_list(request.list)
    await note_loss(services)
    new = _new_takedown(request, requester, await services.list_store.version(), services.store.clock.now())
    judged = await held_updates.judge_takedown(services, request.list, request.signals)
    takedown, is_new = await services.takedowns.create(new, judged.to_json() if judged.is_held else "")
    if is_new:  # a retry under the same key is neither counted nor carried out twice
        metrics.takedowns.labels(takedown.way).inc()
        await services.audit_trail.note(
            "takedown.create", takedown.by, takedown.why, takedown=takedown.id, way=takedown.way, list=takedown.list
        )
        if judged.is_held:
            await note_held(services, takedown.id, takedown.list, takedown.by, judged)
        services.takedown_worker.wake()
    seconds = PLACING_SECONDS if timeout is None else timeout
    summary = await wait_taken_down(services, takedown.id, seconds, verified=timeout is not None)
    # Read again: the worker has placed orders since.
    takedown, progress = await services.takedowns.get(takedown.id)
    status = TakedownStatus(takedown, progress, services.takedown_worker.step_count(takedown), summary)
    # A step that another controller has done again noted its orders again.
    order_ids = list(dict.fromkeys(await services.takedowns.orders(takedown.id, limit=MAX_ORDER_IDS)))
    matched = summary.orders.state is not ReceiptState.PLACING
    notes = await entry_effect.notes(services, on, request.signals) if on else []
    unmatched = await not_matching(services, takedown.signals, takedown.list)
    change = await wait_applied(services.list_store, await services.list_store.version()) if takedown.list else None
    return TakedownResult(status, order_ids, PurgeStatus(summary.orders, matched), notes, unmatched, change)


async def get(services: Services, takedown_id: str) -> tuple[TakedownStatus, list[str]]:
    """A takedown with what its caches did, and the ids of all its orders.

    Raises:
        NotFound: there is no such takedown.
    """
    takedown, progress = await services.takedowns.get(takedown_id)
    ids = await ids_of_takedown(services, takedown)
    summary = await summarize(services, takedown, progress, ids)
    return TakedownStatus(takedown, progress, services.takedown_worker.step_count(takedown), summary), ids


async def recent(services: Services, limit: int) -> list[TakedownStatus]:
    """The latest takedowns, newest first, each with what its caches did."""
    # One at a time: a takedown may have many orders.
    found = []
    emptied_at = await services.sightings.forgotten.emptied_at()
    receiving = [*services.caches, *(await caches.others(services)).names]
    # What is known of their keys changes summaries too, and so do new runs of their orders.
    receiving += [*await cache_keys.versions(services, receiving), *await services.orders.recorded.versions(receiving)]
    for takedown, progress in await services.takedowns.recent(limit):
        known = TakedownSummary.from_json(progress.summary, receiving)
        # What was unknown may count as gone since every cache was emptied.
        if known and known.orders.at > emptied_at:
            steps = services.takedown_worker.step_count(takedown)
            found.append(TakedownStatus(takedown, progress, steps, known))
            continue
        with suppress(NotFound):  # it may be forgotten meanwhile
            status, _ = await get(services, takedown.id)
            await _keep_summary(services, status, receiving)
            found.append(status)
    return found


async def _keep_summary(services: Services, status: TakedownStatus, receiving: Sequence[str]) -> None:
    """Store a summary that will not change, so that the orders are not read again for it.

    That of a takedown with a list may change at any time: its listing may lead to more orders.
    """
    repeats = services.config.purge.repeat_seconds
    if not status.takedown.list and status.summary and status.summary.is_final(status.progress.placed_at, repeats):
        with suppress(*STORE_AWAY):  # it can be made again
            await services.takedowns.note_summary(status.takedown.id, status.summary.to_json(receiving))


def _new_takedown(request: TakedownRequest, requester: Requester, version: int, at: float) -> Takedown:
    positions = {url: position for position, url in enumerate(request.urls)}
    groups = tuple(tuple(positions[url] for url in each) for each in request.written)
    return Takedown(
        by=requester.by,
        way=requester.way,
        at=at,
        why=request.why,
        urls=request.urls,
        prefixes=request.prefixes,
        signals=request.signals,
        list=request.list,
        hosts=requester.hosts,
        version=version,
        key=requester.key,
        id=ID_PREFIX + secrets.token_hex(8),
        groups=groups if any(len(group) > 1 for group in groups) else (),
    )
