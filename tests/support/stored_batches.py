"""Batches in the store of a test."""

from collections.abc import Sequence
from typing import Any

from tests.support.batches import Masks, packed_batch

from edgeward.lists.batches.batch_store import Numbers
from edgeward.lists.list_store import ListStore
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.types import Batch, Entry


async def list_batch(
    list_store: ListStore,
    entries: Sequence[Entry],
    files: BatchFiles | None = None,
    *,
    adds: Masks = (),
    removes: Masks = (),
    **fields: Any,
) -> Batch:
    """Commit a batch whose rows are these entries, and return it with its version.

    `adds` and `removes` are rows of earlier batches; `fields` those of `Batch`. All rows count as new. If `files` are
    given, they are written first: that is quicker than by a process of the replica.
    """
    fields = {"by": "ann", "at": 1000.0, "why": "a reason", "act": "", **fields}
    if entries:
        fields["list"] = entries[0].list
    adds, removes = list(adds), list(removes)
    stored = await list_store.batches.get(fields["list"])
    batch, data = packed_batch(entries, adds=adds, removes=removes, **fields)
    await list_store.batches.data.write(batch.id, data.items())
    for _ in files.write(batch, data.items()) if files else ():
        pass
    numbers = Numbers(len(entries), sum(batch.adds.values()), sum(batch.removes.values()))
    change = await list_store.batches.commit(batch, stored.last, numbers)
    assert change.batch is not None
    return change.batch
