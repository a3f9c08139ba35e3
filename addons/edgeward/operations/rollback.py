"""Rollbacks: a list is again as it was at a version. It is an import of what it had then and has not now, which
withdraws what it has now and had not then: so it can be tried, held, waited for and undone as any other."""

import asyncio
import json
from collections.abc import Sequence
from typing import BinaryIO

from edgeward.errors import InvalidValue
from edgeward.imports.temporary_files import require_free_space, unnamed_file
from edgeward.lists.export_formats import EXPORT_FORMATS
from edgeward.lists.list_diff import Difference
from edgeward.operations import imports
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.imports import ImportResult
from edgeward.operations.list_versions import diff
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
        async for some in diff(services, list_name, version, None):
            require_free_space(directory)
            await asyncio.to_thread(_write, file, some)
        reason = f"rolled back to version {version}" + (f": {why}" if why else "")
        asked = ImportRequest(list_name, file, FORMAT, reason=reason, dry_run=dry_run)
        return await imports.create(services, asked, who)


def _write(file: BinaryIO, differences: Sequence[Difference]) -> None:
    for each in differences:
        signal = each.entry.signal
        if each.is_added:
            line = json.dumps({"value": signal.value, "type": signal.type, "withdrawn": True}) + "\n"
        else:
            line = EXPORT_FORMATS[FORMAT].line(each.entry)
        file.write(line.encode())
