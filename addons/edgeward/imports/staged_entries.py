"""The entries of an import as they are staged: rows of JSON."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.types import Entry, Signal


def staged_row(parsed: ParsedHash) -> list[object]:
    """One entry to list. Earlier releases read the first four fields, and pass over the rest."""
    signal = parsed.signal
    row: list[object] = [signal.type, signal.value, signal.quality, parsed.reason]
    return [*row, parsed.source_id, parsed.tags] if parsed.source_id or parsed.tags else row


def entry_of(like: Entry, row: Sequence[Any]) -> Entry:
    """The entry of a row. `like` has what all entries of the import have."""
    signal_type, value, quality, reason, *more = row
    source_id, tags = more[:2] if len(more) > 1 else ("", ())
    signal = Signal(signal_type, value, quality)
    return replace(like, signal=signal, reason=reason or like.reason, source_id=source_id, tags=tuple(tags))
