"""Rollbacks: a list is again as it was at a version. It is an import of what it had then and has not now, which
withdraws what it has now and had not then: so it can be tried, held, waited for and undone as any other. It names rows
of batches by masks: it takes seconds, however many they are."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from edgeward.errors import InvalidValue
from edgeward.imports.row_masks import NO_MASKS, RowMasks, masks_back
from edgeward.imports.temporary_files import append, unnamed_file
from edgeward.lists.export_formats import EXPORT_FORMATS
from edgeward.lists.list_diff import Difference
from edgeward.matching.batches.row_sets import row_pieces
from edgeward.operations import imports, list_versions
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.imports import ImportResult
from edgeward.operations.services import Services

FORMAT = "jsonl"


async def rollback(
    services: Services, list_name: str, version: int, who: str, why: str = "", dry_run: bool = False
) -> ImportResult:
    """Make a list what it was at a version of the lists. Its policy stays.

    Raises:
        NotFound: there is no such list.
        InvalidValue: there is no such version yet.
        UserError: the changes since are not kept any more, the list was deleted since, or too many entries changed.
        NoDiskSpace: state_dir has no room for what changes.
    """
    current = await services.list_store.version()
    if version > current:
        raise InvalidValue(f"{version} does not exist: the lists are at version {current}", "version")
    directory = services.config.state_dir.absolute()
    with unnamed_file(directory) as file:
        masks = await _write_difference(services, list_name, version, file, directory)
        reason = f"rolled back to version {version}" + (f": {why}" if why else "")
        asked = ImportRequest(list_name, file, FORMAT, reason=reason, dry_run=dry_run, masks=masks)
        return await imports.create(services, asked, who)


async def _write_difference(
    services: Services, list_name: str, version: int, file: BinaryIO, directory: Path
) -> RowMasks:
    """Write what must be listed or withdrawn by its hash, and return the masks of all else."""
    difference = await list_versions.difference(services, list_name, version, None)
    async for some in difference.single_entries():
        await asyncio.to_thread(_write, file, directory, some)
    if (rows := difference.rows) is None:
        return NO_MASKS
    # An undone batch of which no other adds rows may be forgotten at any time.
    acting = {batch.id for batch in (await services.list_store.batches.get(list_name)).needed()}
    masks, anew = await asyncio.to_thread(masks_back, rows, acting)
    pieces = row_pieces(rows.before, anew)
    while piece := await asyncio.to_thread(next, pieces, None):
        missing = [Difference(entry, is_added=False, version=0) for _, entry in piece]
        await asyncio.to_thread(_write, file, directory, missing)
    return masks


def _write(file: BinaryIO, directory: Path, differences: Sequence[Difference]) -> None:
    lines = []
    for each in differences:
        signal = each.entry.signal
        if each.is_added:
            line = json.dumps({"value": signal.value, "type": signal.type, "withdrawn": True}) + "\n"
        else:
            line = EXPORT_FORMATS[FORMAT].line(each.entry)
        lines.append(line)
    append(file, "".join(lines).encode(), directory)
