"""Export: all entries of a list as a file that can be imported again."""

from collections.abc import AsyncGenerator
from threading import BoundedSemaphore

from edgeward.errors import LaterRelease, Unavailable
from edgeward.lists.export_formats import EXPORT_FORMATS
from edgeward.operations.services import Services
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.types import Unreadable

MAX_RUNNING = 4
"""Exports that run at the same time: each remembers which single entries it has written, up to 30 bytes for each."""
_running = BoundedSemaphore(MAX_RUNNING)


async def entries_of(
    services: Services, list_name: str, format_name: str, signal_type: str = ""
) -> AsyncGenerator[str]:
    """The entries of a list in a format of EXPORT_FORMATS, some lines at a time, each entry once.

    An entry that stays on the list meanwhile is among them; of one that is added or removed it is not known.

    Args:
        signal_type: of the entries; "" for all.

    Raises:
        NotFound: there is no such list.
        LaterRelease: this release can't read some of its entries.
        StoreUnavailable: another server took over: some entries may be missing.
        Unavailable: too many exports are running, or the store lost lists that are not restored yet.
    """
    refuse_changes_after_loss(services)
    await services.list_store.get_list(list_name)
    if services.replica.unreadable.has_list(list_name):
        raise _unreadable(list_name)
    if not _running.acquire(blocking=False):
        raise Unavailable(f"{MAX_RUNNING} exports are running: try again later")
    try:
        written_as, unreadable = EXPORT_FORMATS[format_name], dict[str, Unreadable]()
        yield written_as.header
        async for chunk in services.listed_entries.all_of(list_name, unreadable):
            if unreadable:
                raise _unreadable(list_name)
            wanted = (entry for entry in chunk if signal_type in ("", entry.signal.type))
            yield "".join(written_as.line(entry) for entry in wanted)
    finally:
        _running.release()


def _unreadable(list_name: str) -> LaterRelease:
    return LaterRelease(f"some entries of the list {list_name!r} can't be read by this release, see `edgeward doctor`")
