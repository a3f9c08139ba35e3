"""The caches that receive purge orders: those configured here, and those that only the store knows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgeward.errors import Conflict
from edgeward.operations.services import Services

FORGET = "cache.forget"
"""The name of it in the audit trail."""


class Configured(StrEnum):
    """Who has a cache in its settings."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    """Another live controller, and not this one."""
    NOWHERE = "nowhere"
    """No live controller: nobody carries out what it owes."""


@dataclass(frozen=True, slots=True)
class CacheState:
    """A cache and what it owes.

    Attributes:
        driver: "" where it is not configured here.
        configured_at: when a controller that has it said so last, Unix seconds; None: never.
        pending, oldest_seconds: purges that it owes, and the age of the oldest.
        refused: purges that it refuses.
    """

    name: str
    driver: str
    configured: Configured
    configured_at: float | None
    pending: int
    oldest_seconds: float
    refused: int


@dataclass(frozen=True, slots=True)
class OtherCaches:
    """Names of caches that receive orders and are not configured here: `driven` by another live controller; `absent`:
    by none."""

    driven: Sequence[str] = ()
    absent: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        return [*self.driven, *self.absent]


NO_OTHERS = OtherCaches()


async def others(services: Services) -> OtherCaches:
    """The caches that are not configured here, now."""
    known = [node for node in await services.orders.nodes.all() if node.name not in services.caches]
    driven = [node.name for node in known if node.is_driven]
    return OtherCaches(driven, [node.name for node in known if not node.is_driven])


async def carried_out_by(services: Services) -> list[str]:
    """The caches that some live controller drives: an order is waited for until all have carried it out."""
    return [*services.caches, *(await others(services)).driven]


async def index(services: Services) -> list[CacheState]:
    """Every cache: the configured ones in their order, then the others."""
    nodes = {node.name: node for node in await services.orders.nodes.all()}
    drivers = {cache.name: cache.driver for cache in services.config.caches}

    async def state(name: str) -> CacheState:
        node = nodes.get(name)
        where = Configured.ELSEWHERE if node and node.is_driven else Configured.NOWHERE
        pending, oldest = await services.orders.pending(name)
        return CacheState(
            name,
            drivers.get(name, ""),
            Configured.HERE if name in drivers else where,
            node.configured_at if node else None,
            pending,
            oldest,
            await services.orders.refused(name),
        )

    return list(await asyncio.gather(*(state(name) for name in dict.fromkeys([*drivers, *nodes]))))


async def forget(services: Services, name: str, who: str, why: str) -> CacheState | None:
    """Write a cache off: it is gone for good, with all its copies. What it owes is not owed any more.

    Args:
        who, why: for the audit trail.

    Returns:
        What it owed; None: no such cache is known, and nothing was done.

    Raises:
        Conflict: a live controller has it in its settings.
    """
    found = next((each for each in await index(services) if each.name == name), None)
    if found is None:
        return None
    if found.configured is not Configured.NOWHERE:
        where = "" if found.configured is Configured.HERE else " of another controller"
        raise Conflict(f"cache {name} is in [[caches]]{where}: remove it there first, and restart that controller")
    # Before it counts: without the line nobody could be asked.
    await services.audit_trail.note(FORGET, who, why, cache=name, pending=found.pending, refused=found.refused)
    await services.orders.nodes.forget(name)
    return found
