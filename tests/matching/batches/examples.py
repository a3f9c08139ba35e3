"""Entries of one list, and a history of batches with what must be listed after it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.batches import written_batch

from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.types import Batch, Entry, RowRef, Signal

SIZES = {"pdq": 32, "md5": 16, "phash": 8}


def entry(value: bytes, signal_type: str = "pdq", **fields: object) -> Entry:
    """An entry of the list "a"."""
    quality = 90 if signal_type == "pdq" else None
    return Entry("a", Signal(signal_type, value.hex(), quality), added_by="me", added_at=5.0, act="act", **fields)  # type: ignore[arg-type]


def entries(count: int, chance: random.Random, signal_type: str = "pdq") -> list[Entry]:
    """Entries with random values."""
    size = SIZES[signal_type]
    return [entry(chance.randbytes(size), signal_type, source_id=f"s{number}") for number in range(count)]


@dataclass
class History:
    """Batches of one list, and single removals; with a model of what is listed, one row after the other."""

    files: BatchFiles
    batches: list[Batch] = field(default_factory=list)
    removed: dict[RowRef, int] = field(default_factory=dict)
    masks: dict[str, tuple[dict[RowRef, None], dict[RowRef, None]]] = field(default_factory=dict)
    rows: dict[RowRef, Entry] = field(default_factory=dict)
    version: int = 0

    def add(self, some: Sequence[Entry], adds: Sequence[RowRef] = (), removes: Sequence[RowRef] = ()) -> Batch:
        """A new batch with rows of its own."""
        self.version += 1

        def by_batch(refs: Sequence[RowRef]) -> list[tuple[Batch, list[int]]]:
            return [
                (batch, rows) for batch in self.batches if (rows := [ref.row for ref in refs if ref.batch == batch.id])
            ]

        batch = written_batch(
            self.files, some, adds=by_batch(adds), removes=by_batch(removes), list="a", why=f"batch {self.version}"
        ).as_of(self.version)
        self.batches.append(batch)
        self.masks[batch.id] = dict.fromkeys(adds), dict.fromkeys(removes)
        opened = self.files.open(batch)
        for row in range(batch.rows):
            place = opened.place_of(row)
            self.rows[RowRef(batch.id, row)] = place.rows.entry(place.number, batch)
        return batch

    def undo(self, number: int, undone: bool = True) -> None:
        """Mark a batch as undone."""
        self.version += 1
        self.batches[number] = self.batches[number].as_of(self.batches[number].version, undone)

    def remove(self, ref: RowRef) -> None:
        """Remove a row."""
        self.version += 1
        self.removed[ref] = self.version

    def listed(self) -> set[RowRef]:
        """The rows that must be listed."""
        listed = set[RowRef]()
        events: list[tuple[int, Batch | RowRef]] = [
            (batch.version, batch) for batch in self.batches if not batch.undone
        ]
        events += [(version, ref) for ref, version in self.removed.items()]
        for _, event in sorted(events, key=lambda each: each[0]):
            if isinstance(event, RowRef):
                listed.discard(event)
            else:
                adds, removes = self.masks[event.id]
                listed |= {RowRef(event.id, row) for row in range(event.rows)}
                listed -= removes.keys()
                listed |= adds.keys()
        return listed

    def expected(self, ref: RowRef) -> Entry:
        """The entry of a listed row."""
        own = next(batch for batch in self.batches if batch.id == ref.batch)
        if not own.undone:
            return self.rows[ref]
        adder = next(batch for batch in self.batches if not batch.undone and ref in self.masks[batch.id][0])
        return Entry("a", self.rows[ref].signal, adder.why, adder.by, adder.at, adder.act)
