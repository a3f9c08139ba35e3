"""Batches with their data, made of entries."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_writer import BatchWriter, PartPlan, mask_data
from edgeward.matching.batches.packed_rows import Row
from edgeward.types import Batch, Entry
from edgeward.types.batches import fields_of

type Masks = Iterable[tuple[Batch, Iterable[int]]]
"""For each batch the numbers of some of its rows."""


def packed_batch(
    entries: Iterable[Entry], *, adds: Masks = (), removes: Masks = (), **fields: Any
) -> tuple[Batch, dict[str, bytes]]:
    """A batch whose rows are these entries, and its data by name, in the order of `fields_of`.

    `fields` are those of `Batch`; what they do not say is that of the first entry. `adds` and `removes` are rows of
    earlier batches.
    """
    entries = list(entries)
    first = entries[0] if entries else Entry(fields["list"], None)  # type: ignore[arg-type]  # a batch without rows
    fields = {
        "id": f"{np.random.default_rng().integers(1 << 63):016x}",
        "list": first.list,
        "by": first.added_by,
        "at": first.added_at,
        "act": first.act,
        **fields,
    }
    kinds = sorted({(entry.signal.type, len(entry.signal.value) // 2) for entry in entries})
    writer, data = BatchWriter(fields["list"]), dict[str, bytes]()
    for name, size in kinds:
        own = [each for each in entries if (each.signal.type, len(each.signal.value) // 2) == (name, size)]
        own.sort(key=lambda entry: entry.id)
        writer.open_part(PartPlan(name, size, len(own)))
        data |= writer.add(as_row(entry, fields.get("why", "")) for entry in own)
        data |= writer.close_part()
    data |= writer.counts()
    masks = [{batch.id: np.isin(np.arange(batch.rows), list(rows)) for batch, rows in some} for some in (adds, removes)]
    data |= mask_data(*masks)
    counts = [{batch_id: int(mask.sum()) for batch_id, mask in some.items()} for some in masks]
    batch = Batch(parts=writer.parts, adds=counts[0], removes=counts[1], **fields)
    return batch, {name: data[name] for name in fields_of(batch) if name in data}


def as_row(entry: Entry, why: str = "") -> Row:
    """The row of an entry in a batch with this reason."""
    reason = "" if entry.reason == why else entry.reason
    return Row(bytes.fromhex(entry.signal.value), entry.signal.quality, reason, entry.source_id, entry.tags)


def written_batch(files: BatchFiles, entries: Iterable[Entry], **fields: Any) -> Batch:
    """`packed_batch` whose files are written."""
    batch, data = packed_batch(entries, **fields)
    for _ in files.write(batch, data.items()):
        pass
    return batch
