"""Checks whether every cache that receives purge orders is configured."""

from edgeward.doctor.finding import Finding, fail, warn
from edgeward.operations import caches
from edgeward.operations.caches import CacheState, Configured
from edgeward.operations.services import Services
from edgeward.quantities import counted


async def check_nodes(services: Services) -> list[Finding]:
    """A finding for each cache that is not configured here."""
    return [_finding(each) for each in await caches.index(services) if each.configured is not Configured.HERE]


def _finding(cache: CacheState) -> Finding:
    if cache.configured is Configured.ELSEWHERE:
        detail = "another controller has it in [[caches]], and this one has not"
        return warn(cache.name, "configured", detail, "give all controllers the same [[caches]]")
    fix = f"add it to [[caches]] again; if it is gone for good with all its copies: edgeward caches forget {cache.name}"
    owed = cache.pending + cache.refused
    if not owed:
        return warn(cache.name, "configured", "it receives purges, and no live controller has it in [[caches]]", fix)
    detail = f"it owes {counted(owed, 'purge')}, and no live controller has it in [[caches]]: copies may be left in it"
    return fail(cache.name, "configured", detail, fix)
