"""Which rows of a list's batches are listed: what its batches and single removals say, one after the other.

In the order of versions, each batch that is not undone switches its own rows on, then the rows off that it removes,
then the rows on that it adds; each single removal switches a row off. So a batch that is undone takes back all that it
did, and what others said of the same rows stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from edgeward.matching.batches.listed_rows import ListedRows
from edgeward.matching.batches.open_batch import OpenBatch
from edgeward.matching.time_slicing import Steps
from edgeward.types import Batch, RowRef

REMOVALS_PER_STEP = 2000


@dataclass(frozen=True, slots=True)
class Folded:
    """The rows that are listed, and what they follow from.

    Attributes:
        batches: in the order of their versions.
        removed: single removals with their versions.
        listed: the rows. They may be switched off in place.
    """

    batches: Sequence[Batch]
    removed: Mapping[RowRef, int]
    listed: ListedRows


NOTHING = Folded((), {}, ListedRows({}))


def fold(
    batches: Sequence[Batch], removed: Mapping[RowRef, int], opened: Mapping[str, OpenBatch], before: Folded
) -> Steps[Folded]:
    """What is listed, in steps of a few milliseconds. If `before` is the beginning of it, only the rest is computed.

    Raises:
        DamagedSegment: a mask can't be read.
    """
    batches = sorted(batches, key=lambda batch: batch.version)
    removed = dict(removed)
    listed = ListedRows({batch.id: batch.rows for batch in batches})
    acting = [batch for batch in batches if not batch.undone]
    done = _common(acting, batches, removed, before)
    if done:
        listed.copy_from(before.listed)
    known = before.removed if done else {}
    new = sorted((item for item in removed.items() if item[0] not in known), key=lambda item: item[1])
    yield
    at = 0
    for batch in acting[done:]:
        start = at
        while at < len(new) and new[at][1] < batch.version:
            at += 1
        yield from _switch_off(listed, new[start:at])
        yield from _apply(batch, listed, opened)
    yield from _switch_off(listed, new[at:])
    return Folded(batches, removed, listed)


def _common(acting: Sequence[Batch], batches: Sequence[Batch], removed: Mapping[RowRef, int], before: Folded) -> int:
    """How many of the batches that act are those that acted before, if all that is new came after them; else 0."""
    acted = [batch for batch in before.batches if not batch.undone]
    if not acted or [_identity(batch) for batch in acting[: len(acted)]] != [_identity(batch) for batch in acted]:
        return 0
    # A batch that is undone and was not there before may be one that others add rows of.
    if {batch.id for batch in batches if batch.version <= acted[-1].version} - {batch.id for batch in before.batches}:
        return 0
    if not before.removed.items() <= removed.items():
        return 0
    last = max(acted[-1].version, max(before.removed.values(), default=0))
    if any(version < last for ref, version in removed.items() if ref not in before.removed):
        return 0
    # A batch that comes later than some removals is applied after them.
    if any(batch.version < last for batch in acting[len(acted) :]):
        return 0
    return len(acted)


def _identity(batch: Batch) -> tuple[str, int]:
    return batch.id, batch.version


def _apply(batch: Batch, listed: ListedRows, opened: Mapping[str, OpenBatch]) -> Iterator[None]:
    listed.set_all(batch.id)
    yield
    for other in batch.removes:
        if other in listed.bases:
            bits = listed.of(other)
            bits &= ~opened[batch.id].removes(other, opened[other].rows)
            yield
    for other in batch.adds:
        if other in listed.bases:
            bits = listed.of(other)
            bits |= opened[batch.id].adds(other, opened[other].rows)
            yield


def _switch_off(listed: ListedRows, removed: Sequence[tuple[RowRef, int]]) -> Iterator[None]:
    for some in batched(removed, REMOVALS_PER_STEP):
        for ref, _ in some:
            listed.switch_off(ref.batch, ref.row)
        yield
