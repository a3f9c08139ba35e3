"""Takedowns: URLs, prefixes and images to remove from every cache."""

import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgeward import metrics
from edgeward.errors import InvalidValue
from edgeward.operations.services import Services
from edgeward.operations.waiting import PurgeStatus, wait_taken_down
from edgeward.takedowns.takedowns import ID_PREFIX, Takedown, TakedownProgress
from edgeward.types import Signal, Target

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
        list: the list that the signals are added to; "" for none.
    """

    urls: tuple[Target, ...] = ()
    prefixes: tuple[Target, ...] = ()
    signals: tuple[Signal, ...] = ()
    list: str = ""
    why: str = ""


class TakedownState(StrEnum):
    PLACING = "placing"
    """More orders will follow."""
    PLACED = "placed"
    """All orders are placed."""


@dataclass(frozen=True, slots=True)
class TakedownStatus:
    """A takedown, and how far it is."""

    takedown: Takedown
    progress: TakedownProgress

    @property
    def state(self) -> TakedownState:
        return TakedownState.PLACED if self.progress.placed_at else TakedownState.PLACING


@dataclass(frozen=True, slots=True)
class TakedownResult:
    """A takedown and what its caches owe. `order_ids`: the first MAX_ORDER_IDS of its orders."""

    status: TakedownStatus
    order_ids: Sequence[str]
    purge: PurgeStatus


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
    if request.list:
        await services.list_store.get_list(request.list)
    new = _new_takedown(request, requester, await services.list_store.version())
    takedown, is_new = await services.takedowns.create(new)
    if is_new:  # a retry under the same key is neither counted nor carried out twice
        metrics.takedowns.labels(takedown.way).inc()
        services.takedown_worker.wake()
    seconds = PLACING_SECONDS if timeout is None else timeout
    purge = await wait_taken_down(services, takedown.id, seconds, verified=timeout is not None)
    # Read again: the worker has placed orders since.
    status = TakedownStatus(*await services.takedowns.get(takedown.id))
    order_ids = await services.takedowns.orders(takedown.id, limit=MAX_ORDER_IDS)
    return TakedownResult(status, order_ids, purge)


async def recent(services: Services, limit: int) -> list[TakedownStatus]:
    """The latest takedowns, newest first."""
    return [TakedownStatus(*each) for each in await services.takedowns.recent(limit)]


def _new_takedown(request: TakedownRequest, requester: Requester, version: int) -> Takedown:
    return Takedown(
        by=requester.by,
        way=requester.way,
        at=time.time(),
        why=request.why,
        urls=request.urls,
        prefixes=request.prefixes,
        signals=request.signals,
        list=request.list,
        hosts=requester.hosts,
        version=version,
        key=requester.key,
        id=ID_PREFIX + secrets.token_hex(8),
    )
