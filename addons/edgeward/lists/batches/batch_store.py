"""The batches of each list in the store.

{blocklist}:batches:<list>  hash: id of a batch -> "VERSION UNDONE JSON", UNDONE is the version that undid it, or 0;
                            "" -> the version of the last change of them
{blocklist}:batch:<id>      its data (batch_data.py)
{blocklist}:removed:<list>  hash: "BATCH:ROW" -> the version of the list that removed the row
{blocklist}:old_batches     hash: id of a batch that is undone, or whose list is deleted, and is kept for a time to be
                            read -> "AT VERSION UNDONE JSON", AT in Unix seconds
"""

from collections.abc import Sequence
from itertools import batched
from typing import Any, NamedTuple

from edgeward.errors import Conflict, NotFound
from edgeward.lists.acts import MAX_REPORTED, Act, Acts
from edgeward.lists.audit_trail import signed
from edgeward.lists.batches import batch_scripts
from edgeward.lists.batches.batch_data import BatchData
from edgeward.lists.stored_lists import read_batch
from edgeward.store.connection import Store
from edgeward.types import Batch, Change, Entry, RowRef, Unreadable

ROWS_PER_CALL = 1000
"""Rows that one script call removes: it blocks the store for about 10 ms."""


class BatchesChanged(Conflict):
    """The batches of a list have changed since a batch was made for them: it must be made again."""


class StoredBatches(NamedTuple):
    """The batches of a list.

    Attributes:
        last: the version of the last change of them; 0 if there was none.
        batches: in the order of their versions, undone ones too.
        removed: the version at which each single row was removed.
        unreadable: those that this release can't read.
    """

    last: int
    batches: Sequence[Batch]
    removed: dict[RowRef, int]
    unreadable: Sequence[Unreadable] = ()

    def needed(self) -> Sequence[Batch]:
        """Those whose rows can be on the list: all but undone ones of which no other adds a row."""
        added = {each for batch in self.batches if not batch.undone for each in batch.adds}
        return [batch for batch in self.batches if not batch.undone or batch.id in added]


class Numbers(NamedTuple):
    """Of a batch: how many of its entries are new, were listed before, and how many entries it takes off the list."""

    new: int
    known: int
    withdrawn: int


class Undone(NamedTuple):
    """What the undo of a batch does: how many entries are removed, stay on the list, and are put back; and what becomes
    of the first of each: "removed", "kept" or "restored", with the act that lists them then."""

    removed: int
    kept: int
    restored: int
    outcomes: Sequence[tuple[str, Entry, str]] = ()


class RemovedRow(NamedTuple):
    """A row that is taken off a list by itself, and its entry.

    Attributes:
        copies: other rows with its value, which are not listed. They stay so if what took them off is undone.
    """

    ref: RowRef
    entry: Entry
    copies: Sequence[RowRef] = ()

    def arguments(self) -> tuple[str, ...]:
        """For the script."""
        return self.ref.batch, str(self.ref), " ".join(map(str, self.copies)), self.entry.to_json()


class BatchStore:
    """Reads and changes the batches of lists. Each change is atomic and recorded; when the call returns it is on disk.

    Attributes:
        data: their rows.
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self.store, self._acts = store, Acts(store)
        self.data = BatchData(store)
        self.old = store.key("{blocklist}", "old_batches")
        self._changes = [store.key("{blocklist}", name) for name in ("version", "changes", "lists")]
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    def key(self, list_name: str) -> str:
        """The key of the batches of a list."""
        return self.store.key("{blocklist}", "batches", list_name)

    def removed_key(self, list_name: str) -> str:
        """The key of its removed rows."""
        return self.store.key("{blocklist}", "removed", list_name)

    async def get(self, list_name: str) -> StoredBatches:
        """The batches of a list; none for an unknown one."""
        # Removed rows first: a row that is removed meanwhile is removed again by the change that follows.
        removed = await self._redis.hgetall(self.removed_key(list_name))
        found = await self._redis.hgetall(self.key(list_name))
        last = int(found.pop(b"", 0))
        read = [read_batch(list_name, text) for text in found.values()]
        batches = sorted((each for each in read if isinstance(each, Batch)), key=lambda each: each.version)
        unreadable = [each for each in read if isinstance(each, Unreadable)]
        refs = {RowRef.parse(ref.decode()): int(version) for ref, version in removed.items()}
        return StoredBatches(last, batches, refs, unreadable)

    async def count(self, list_names: Sequence[str]) -> list[int]:
        """How many batches of each list act: undone ones are taken off its record in time."""
        counts: list[int] = await self.store.run(batch_scripts.COUNT, [self.key(name) for name in list_names])
        return counts

    async def most_listed(self, list_name: str) -> int:
        """How many entries the batches of a list may list, at most: the rows of those that act or are added."""
        stored = await self.get(list_name)
        return sum(batch.rows for batch in stored.needed())

    async def commit(self, batch: Batch, last: int, numbers: Numbers) -> Change:
        """Make a batch act whose data are written.

        Args:
            last: the version of the last change of the list's batches for which it was made.

        Raises:
            BatchesChanged: they have changed since.
            NotFound: the list does not exist any more.
            Conflict: its act is undone, or is another caller's or another list's.
        """
        keys = [*self._changes, self.key(batch.list), self._acts.keys(batch.act)[0], self._acts.deletions]
        args = (signed(batch.by), batch.why, batch.list, batch.act, batch.id, batch.to_json(), last, *numbers)
        done = await self.store.run_durably(batch_scripts.COMMIT, keys, args)
        if isinstance(done[0], bytes):
            raise _refusal(done[0], batch)
        version = int(done[0])
        return Change(version, "list.batch_add", batch.by, float(done[1]), batch.why, batch=batch.as_of(version))

    async def discard(self, list_name: str, batch_id: str) -> None:
        """Remove the data of a batch, unless it is committed."""
        is_there = await self._redis.hexists(self.key(list_name), batch_id)
        if not is_there and not await self._redis.hexists(self.old, batch_id):
            await self.data.discard(batch_id)

    async def undo(self, act: Act, batch_id: str, last: int, done: Undone) -> int:
        """Undo a batch. `undone_by` and `undone_why` of the act are in the record of the change.

        Args:
            last: the version of the last change of the list's batches for which it was computed what is `done`.

        Returns:
            The version of the undo; 0: it is undone already, or not there any more.

        Raises:
            BatchesChanged: they have changed since.
        """
        keys = [*self._changes, self.key(act.list), self._acts.keys(act.id)[0], self._acts.outcome(act.id)]
        outcomes = [text for what, entry, by in done.outcomes for text in (what, entry.to_json(), by)]
        numbers = done.removed, done.kept, done.restored
        args: list[str | int] = [signed(act.undone_by), act.undone_why, act.id, batch_id, last, *numbers, MAX_REPORTED]
        args += outcomes
        version = int(await self.store.run_durably(batch_scripts.UNDO, keys, args))
        if version < 0:
            raise BatchesChanged(f"the batches of the list {act.list!r} have changed: try again")
        return version

    async def remove_rows(
        self, list_name: str, rows: Sequence[RemovedRow], last: int, who: str, why: str = ""
    ) -> list[Change]:
        """Take single rows off their list. Those that were removed already are left out.

        Args:
            last: the version of the last change of the list's batches for which the rows were found.

        Raises:
            BatchesChanged: they have changed since. Rows before may be removed.
        """
        keys = [*self._changes, self.key(list_name), self.removed_key(list_name)]
        changes: list[Change] = []
        for some in batched(rows, ROWS_PER_CALL):
            args = [text for row in some for text in row.arguments()]
            given: list[str | int] = [signed(who), why, list_name, last, *args]
            if not (reply := await self.store.run_durably(batch_scripts.REMOVE_ROWS, keys, given)):
                raise BatchesChanged(f"the batches of the list {list_name!r} have changed: try again")
            at, *done = reply
            for number, version in zip(done[::2], done[1::2], strict=True):
                row = some[number]
                changes.append(Change(version, "entry.remove", who, float(at), why, entry=row.entry, row=row.ref))
        return changes

    async def all_old(self) -> Sequence[Batch]:
        """The batches that are on the record of no list any more, and not forgotten yet."""
        read = [read_batch("", text.partition(b" ")[2]) for text in await self._redis.hvals(self.old)]
        return [each for each in read if isinstance(each, Batch)]

    async def old_of(self, list_name: str) -> Sequence[Batch]:
        """Those of a list that are undone: they were on its record."""
        return [each for each in await self.all_old() if each.list == list_name and each.undone]

    async def drop_undone(self, list_name: str) -> None:
        """Take undone batches off the record of a list of which no other batch adds a row."""
        stored = await self.get(list_name)
        needed, at = {each.id for each in stored.needed()}, f"{self.store.clock.now():.6f}"
        for batch in stored.batches:
            if batch.id not in needed:
                keys = [self.key(list_name), self.old, self.data.key(batch.id)]
                await self.store.run_even_if_full(batch_scripts.DROP, keys, [batch.id, at])

    async def forget_old(self, before: float) -> None:
        """Forget old batches that are on no list since before then, Unix seconds."""
        for batch_id, text in (await self._redis.hgetall(self.old)).items():
            if float(text.partition(b" ")[0]) < before:
                await self._forget_removed(read_batch("", text.partition(b" ")[2]))
                keys = [self.old, self.data.key(batch_id.decode())]
                await self.store.run_even_if_full(batch_scripts.FORGET, keys, [batch_id.decode()])

    async def _forget_removed(self, batch: Batch | Unreadable) -> None:
        """Forget which rows of a batch were removed by themselves."""
        if isinstance(batch, Batch):
            key, prefix = self.removed_key(batch.list), f"{batch.id}:".encode()
            of_batch = [ref for ref in await self._redis.hkeys(key) if ref.startswith(prefix)]
            for some in batched(of_batch, ROWS_PER_CALL):
                await self._redis.hdel(key, *some)


def _refusal(reason: bytes, batch: Batch) -> Exception:
    if reason == b"changed":
        return BatchesChanged(f"the batches of the list {batch.list!r} have changed: try again")
    if reason == b"unknown":
        return NotFound(f"no list is named {batch.list!r}")
    if reason == b"undone":
        return Conflict(f"the act {batch.act} is undone: what it lists is not listed any more")
    return Conflict(f"the act {batch.act} is another caller's, or lists on another list")
