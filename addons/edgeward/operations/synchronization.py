"""Synchronization: what a source ships is compared with what it has listed so far, before it is imported.

What it lists already is not listed again. If the file is its whole list, what the file lacks is withdrawn, unless
another act lists it too: a person, or another source.
"""

import asyncio
from dataclasses import dataclass, replace

from edgeward.errors import Conflict
from edgeward.imports.reading import ReadFile, Reading
from edgeward.imports.source_acts import SourceActs
from edgeward.imports.spool import Spool
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.services import Services
from edgeward.operations.source_entries import OfSource
from edgeward.quantities import counted

MAX_UNASKED_REMOVALS = 20
"""So many entries may be withdrawn whatever their share is."""


class LargeRemoval(Conflict):
    """The file would withdraw more than it may without a person's word. Nothing is changed."""


@dataclass(frozen=True, slots=True)
class Synchronization:
    """A file beside what its source has listed.

    Attributes:
        source: its name.
        listed: entries that the source has on the list; of a file that is not the whole list, those that it has too.
        unchanged: those of them that are in the file.
        missing: those that are not, and would be withdrawn; 0 if the file is not the whole list.
        kept: those that are not, and stay since other acts list them too.
        too_large: why so many are not withdrawn without `allow_large_removal`; "" if they may be.
    """

    source: str
    listed: int
    unchanged: int
    missing: int
    kept: int
    too_large: str = ""


async def synchronize(
    services: Services, request: ImportRequest, spool: Spool, file: ReadFile, reading: Reading
) -> tuple[ReadFile, Synchronization]:
    """Leave out of the spool what the source lists already, and add what is to be withdrawn. Returns the file with the
    new counts.

    Raises:
        LargeRemoval: it is no dry run, and too much would be withdrawn.
        StoreUnavailable: another server took over meanwhile.
    """
    shipped = file.counts.total
    of_source = await asyncio.to_thread(OfSource, services, request.list, SourceActs(request.list, request.source))
    (on_list,) = (await services.list_store.counts([request.list]))[1]
    reading.begin("comparing", max(0, on_list) + of_source.row_count if request.sync else shipped)
    listed = unchanged = missing = kept = 0
    async for some in of_source.whole() if request.sync else of_source.known(spool):
        reading.check()
        listed += len(some)
        found = await asyncio.to_thread(spool.compare, some, request.sync)
        unchanged, missing, kept = unchanged + found.known, missing + found.missing, kept + found.kept
        reading.done += len(some)
    result = Synchronization(request.source, listed, unchanged, missing, kept)
    result = replace(result, too_large=_too_large(request, result, shipped))
    if result.too_large and not request.allow_large_removal and not request.dry_run:
        raise LargeRemoval(f"{result.too_large}; nothing was changed (allow_large_removal allows it)")
    return replace(file, counts=await asyncio.to_thread(spool.count)), result


def _too_large(request: ImportRequest, result: Synchronization, shipped: int) -> str:
    """Why what is missing is too much to be withdrawn unasked; "" if it is not."""
    if not result.missing:
        return ""
    entries = counted(result.listed, "entry", "entries")
    if not shipped:
        return f"there is no hash in the file, and {request.source!r} has {entries} on the list {request.list!r}"
    if result.missing > max(MAX_UNASKED_REMOVALS, request.max_removal_share * result.listed):
        share = f"{100 * request.max_removal_share:g} %"
        return (
            f"the file lacks {result.missing} of the {entries} that {request.source!r} has on the list "
            f"{request.list!r}: more than {share}"
        )
    return ""
