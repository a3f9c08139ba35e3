"""Batches of one list as imports make them, with their files: for tests of what differs between two states."""

from dataclasses import replace
from pathlib import Path

from tests.support.batches import written_batch

from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchState
from edgeward.matching.batches.row_sets import copies_of, entries_of
from edgeward.matching.batches.state_difference import state_of
from edgeward.types import Batch, Entry, RowRef, Signal


def entry(number: int, source_id: str = "") -> Entry:
    return Entry("a", Signal("md5", f"{number:032x}"), "", "ann", 1.0, "", source_id)


def listed(state: BatchState) -> dict[str, Entry]:
    return {each.id: each for each in entries_of(state, state.listed)}


class Lists:
    """Batches of the list "a", as imports make them."""

    def __init__(self, directory: Path) -> None:
        self.files, self.batches = BatchFiles(directory), list[Batch]()
        self.removed: dict[RowRef, int] = {}
        self.version = 0

    def state(self, undone: str = "") -> BatchState:
        batches = [replace(each, undone=each.undone or each.id == undone) for each in self.batches]
        return state_of("a", batches, self.removed, self.files)

    def list(self, entries: list[Entry], withdrawn: list[Entry] | None = None) -> Batch:
        """An import: what is listed with the same source id is added, and all other copies are taken off."""
        self.version += 1
        state, own = self.state(), list[Entry]()
        adds, removes = {each.id: set[int]() for each in self.batches}, {each.id: set[int]() for each in self.batches}
        for each in [*entries, *(withdrawn or [])]:
            ref = state.ref_of(each.signal)
            known = state.provenance.entry(ref.batch, ref.row) if ref else None
            if ref and each in entries and known and known.source_id == each.source_id:
                adds[ref.batch].add(ref.row)
            elif each in entries:
                own.append(each)
            for copy in copies_of(state, each.signal):
                if copy.row not in adds[copy.batch]:
                    removes[copy.batch].add(copy.row)
        some = [[(each, masks[each.id]) for each in self.batches if masks[each.id]] for masks in (adds, removes)]
        act = f"act-{self.version}"
        of = {"list": "a", "by": "ann", "at": 1.0, "act": act, "version": self.version}
        batch = written_batch(self.files, own, adds=some[0], removes=some[1], **of)
        self.batches.append(batch)
        return batch
