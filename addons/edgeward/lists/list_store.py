"""The lists and their entries in Redis: the original that every replica follows.

{blocklist}:version         counts changes from 1, without gaps
{blocklist}:changes         stream of the changes, ids "<version>-0": what replicas follow, and the audit trail of them;
                            old ones are in its archive (background/stream_archive.py)
{blocklist}:lists           name -> HashList as JSON
{blocklist}:entries:<list>  entry id -> Entry as JSON
{blocklist}:demands:<list>  entry id -> ids of the later acts that list it too (lua_scripts.py)
{blocklist}:batches:<list>  see batches/batch_store.py
{blocklist}:act:<id>        see acts.py
{blocklist}:gone:<list>     see deleted_allowlists.py
{blocklist}:replicas        see replication/membership.py
{blocklist}:history         id of this history of the store, see replication/store_loss.py and refill.py
{blocklist}:questions       stream of the latest flush requests, see there
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any

from edgeward.background.stream_archive import StreamArchive
from edgeward.errors import Conflict, NotFound, StoreUnavailable, UserError
from edgeward.lists import act_scripts, lua_scripts
from edgeward.lists.acts import MAX_REPORTED, Act, Acts
from edgeward.lists.audit_trail import signed
from edgeward.lists.batches.batch_store import BatchStore
from edgeward.lists.deleted_allowlists import DeletedAllowlists
from edgeward.lists.replication.membership import Laggards, LiveReplica, Membership, UnjudgedByReplica
from edgeward.lists.stored_lists import parse_changes, parse_version, read_entry, read_list, removed_entry
from edgeward.lists.withdrawals import Withdrawals
from edgeward.store.connection import Store
from edgeward.types import Change, Entry, HashList, Unreadable

CHUNK_SIZE = 1000
"""Entries that one script call adds: it blocks the store for about 10 ms."""
UNDO_CHUNK_SIZE = 150
"""Entries that one script call takes back: it blocks the store for about 10 ms."""
SCAN_COUNT = 500
"""Entries that one HSCAN call reads, about."""
POLL_SECONDS = 0.003
"""Pause between two looks at which replicas lag. An acknowledgement waits for them; they need a few milliseconds."""
MAX_ATTEMPTS = 100
"""How often a change is made again on what another caller has changed meanwhile. Each time one of them succeeds."""


class ListStore:
    """Reads and changes the lists. Each change is atomic and recorded; when the call returns it is on disk.

    Attributes:
        stream: key of the stream of changes.
        archive: that of the old changes.
        acts: the acts that listed the entries.
        deleted: the entries of deleted allowlists.
        withdrawals: what imports take off the lists.
        batches: those of each list.
        clock: that of the store.
        membership: the replicas of the lists. Where this process has one, its own: it knows what the store has lost.
    """

    def __init__(self, store: Store, membership: Membership | None = None) -> None:
        self._store, self.clock = store, store.clock
        self.acts = Acts(store)
        self.membership = membership or Membership(store)
        self._version = store.key("{blocklist}", "version")
        self.stream = store.key("{blocklist}", "changes")
        self._lists = store.key("{blocklist}", "lists")
        self.deleted = DeletedAllowlists(store)
        self.withdrawals = Withdrawals(store)
        self.archive = StreamArchive(store, self.stream)
        self.batches = BatchStore(store)

    def _entries(self, list_name: str) -> str:
        return self._store.key("{blocklist}", "entries", list_name)

    def _demands(self, list_name: str) -> str:
        return self._store.key("{blocklist}", "demands", list_name)

    def _keys(self, *more: str) -> tuple[str, ...]:
        return (self._version, self.stream, self._lists, *more)

    async def version(self) -> int:
        """Number of changes made so far."""
        return int(await self._store.redis.get(self._version) or 0)

    async def lists(self) -> list[HashList]:
        """All lists by name, without those that this release can't read."""
        return (await self.readable_lists())[0]

    async def readable_lists(self) -> tuple[list[HashList], list[Unreadable]]:
        """All lists by name, and those that this release can't read."""
        found: Any = await self._store.redis.hgetall(self._lists)
        read = [read_list(name.decode(), text) for name, text in sorted(found.items())]
        return [one for one in read if isinstance(one, HashList)], [one for one in read if isinstance(one, Unreadable)]

    async def get_list(self, name: str) -> HashList:
        """The list of this name.

        Raises:
            NotFound: there is none.
            LaterRelease: only a later release can read it.
        """
        return HashList.from_json(await self._list_json(name))

    async def create_list(self, hash_list: HashList, who: str, why: str = "") -> Change:
        """Add an empty list.

        Args:
            who: makes the change: the name of a token.
            why: the reason, for the audit trail.

        Raises:
            Conflict: there is one of that name.
        """
        done = await self._put_list(hash_list, b"", who, why)
        if done is None:
            raise Conflict(f"a list named {hash_list.name!r} exists already")
        return done

    async def set_list(self, hash_list: HashList, who: str, why: str = "") -> Change:
        """Replace the policy of a list, whatever it is. Its entries stay. Raises NotFound."""
        return await self.change_list(hash_list.name, lambda _: hash_list, who, why)

    async def change_list(self, name: str, change: Callable[[HashList], HashList], who: str, why: str = "") -> Change:
        """Change the policy of a list. Its entries stay.

        Args:
            change: the new policy for the one in the store. If another caller changes the list meanwhile, it is asked
                again, so that no change undoes another. What it raises is raised, and then nothing is changed.

        Raises:
            NotFound: there is no such list.
        """
        for _ in range(MAX_ATTEMPTS):
            was = await self._list_json(name)
            if done := await self._put_list(change(HashList.from_json(was)), was, who, why):
                return done
        raise Conflict(f"the list {name!r} is changed by others again and again: try again")

    async def _put_list(self, new: HashList, was: bytes, who: str, why: str) -> Change | None:
        """None: the store does not have `was`, the list's JSON or b"" for no list."""
        args = (signed(who), why, new.name, new.to_json(), was)
        done = await self._store.run_durably(lua_scripts.PUT_LIST, self._keys(), args)
        return None if isinstance(done, bytes) else Change(done[0], "list.set", who, float(done[1]), why, list=new)

    async def _list_json(self, name: str) -> bytes:
        text: Any = await self._store.redis.hget(self._lists, name)
        if text is None:
            raise NotFound(f"no list is named {name!r}")
        return bytes(text)

    async def delete_list(
        self, name: str, who: str, why: str = "", check: Callable[[HashList], object] | None = None
    ) -> Change:
        """Remove a list and all its entries, which the result counts.

        Args:
            check: called with the list as it is to be deleted. What it raises is raised, and the list stays.

        Raises:
            NotFound: there is no such list.
        """
        kept = self.deleted.entries(name), self._demands(name), self.acts.deletions, self.deleted.index
        batches = self.batches.key(name), self.batches.removed_key(name), self.batches.old
        keys = self._keys(self._entries(name), *kept, *batches)
        for _ in range(MAX_ATTEMPTS):
            was = await self._list_json(name) if check else b""
            if check:
                check(HashList.from_json(was))
            done = await self._store.run_durably(lua_scripts.DELETE_LIST, keys, (signed(who), why, name, was))
            if not done:
                raise NotFound(f"no list is named {name!r}")
            if isinstance(done, list):
                version, at, text, entries = done
                deleted = read_list(name, text)
                known = deleted if isinstance(deleted, HashList) else HashList(name)
                return Change(version, "list.delete", who, float(at), why, list=known, entries=entries)
        raise Conflict(f"the list {name!r} is changed by others again and again: try again")

    async def add_entries(self, entries: Sequence[Entry], who: str, why: str = "", act: str = "") -> list[Change]:
        """Add entries, in order. An entry that is there already stays as it is, and makes no Change.

        CHUNK_SIZE entries are added at a time, each chunk whole or not at all. Missing `added_by` and `added_at` are
        filled in.

        Args:
            act: id of the act that lists them, all on one list; "" for none. Of an entry that is there already it is
                recorded that this act lists it too.

        Raises:
            NotFound: one of the lists does not exist; then nothing was written.
            Conflict: the act is undone, or is another caller's or another list's.
        """
        now = self._store.clock.now()
        complete = [
            replace(e, added_by=e.added_by or who, added_at=e.added_at or now, act=act or e.act) for e in entries
        ]
        names = sorted({entry.list for entry in complete})
        if act and len(names) > 1:
            raise ValueError("an act lists on one list")
        chunks = list(batched(complete, CHUNK_SIZE))
        changes: list[Change] = []
        for number, chunk in enumerate(chunks, 1):
            changes += await self._add_chunk(chunk, names, who, why, act, last=number == len(chunks))
        return changes

    async def _add_chunk(
        self, chunk: Sequence[Entry], names: Sequence[str], who: str, why: str, act: str, last: bool
    ) -> list[Change]:
        number = {name: position for position, name in enumerate(names, 1)}
        args: list[str | int] = [signed(who), why, act, len(names), *names]
        for entry in chunk:
            args += (number[entry.list], entry.id, entry.to_json())
        keys = [key for name in names for key in (self._entries(name), self._demands(name))]
        # The append-only file is written in order: when the last chunk is on disk, all are.
        run = self._store.run_durably if last else self._store.run
        done = await run(lua_scripts.ADD_ENTRIES, self._keys(*self.acts.keys(act), self.acts.deletions, *keys), args)
        if done[0] in _REFUSALS:
            error, message = _REFUSALS[done[0]]
            raise error(message.format(done[1].decode()))
        at = float(done[0])
        added = zip(done[1::2], done[2::2], strict=True)
        return [Change(version, "entry.add", who, at, why, entry=chunk[position]) for position, version in added]

    async def remove_entry(self, list_name: str, entry_id: str, who: str, why: str = "") -> Change:
        """Remove an entry.

        Raises:
            NotFound: there is no such entry.
        """
        changes = await self.remove_entries(list_name, [entry_id], who, why)
        if not changes:
            raise NotFound(f"no entry of the list {list_name!r} has the ID {entry_id!r}")
        return changes[0]

    async def remove_entries(self, list_name: str, ids: Sequence[str], who: str, why: str = "") -> list[Change]:
        """Remove those of at most CHUNK_SIZE entries that are on the list, in one step."""
        keys = self._keys(self._entries(list_name), self._demands(list_name))
        at, *done = await self._store.run_durably(lua_scripts.REMOVE_ENTRIES, keys, (signed(who), why, list_name, *ids))
        changes = []
        for version, text in zip(done[::2], done[1::2], strict=True):
            entry = read_entry(list_name, text)
            read, unreadable = (entry, None) if isinstance(entry, Entry) else (removed_entry(text), entry)
            change = Change(version, "entry.remove", who, float(at), why, entry=read, unreadable=unreadable)
            changes.append(change)
        return changes

    async def undo_some(
        self, act: Act, cursor: int = 0, in_batches: Mapping[str, Entry] | None = None
    ) -> tuple[bool, int]:
        """Take back up to UNDO_CHUNK_SIZE entries of an act, in one step: those that no other act lists are removed.

        From the first call on, the act can't list any more. `undone_by` and `undone_why` of the act are in the record
        of each change.

        Args:
            cursor: where the call before ended, or 0.
            in_batches: by id, those of its entries that batches list too: they stay on the list.

        Returns:
            Whether more is to do, and the cursor.
        """
        keys = self._keys(*self.acts.keys(act.id), self._entries(act.list), self._demands(act.list))
        args: list[str | int] = [signed(act.undone_by), act.undone_why, act.id, act.list, self.acts.prefix]
        args += [UNDO_CHUNK_SIZE, cursor, MAX_REPORTED]
        args += [text for id_, entry in (in_batches or {}).items() for text in (id_, entry.to_json(), entry.act)]
        done = await self._store.run(act_scripts.UNDO, [*keys, self.acts.outcome(act.id)], args)
        if done is None:
            raise NotFound(f"no act has the ID {act.id!r}")
        return bool(done[0]), int(done[1])

    async def entries(self, list_name: str, cursor: int = 0, limit: int = 100) -> tuple[list[Entry], int]:
        """About `limit` entries of a list, and the cursor for the next call: 0 when there are no more.

        An entry that stays on the list through all calls is returned at least once (HSCAN's guarantee).

        Raises:
            NotFound: there is no such list.
        """
        await self._list_json(list_name)
        read, after = await self._scan(self._entries(list_name), list_name, cursor, limit)
        return [entry for entry in read.values() if isinstance(entry, Entry)], after

    async def _scan(
        self, key: str, list_name: str, cursor: int, limit: int
    ) -> tuple[dict[str, Entry | Unreadable], int]:
        reply: Any = await self._store.redis.hscan(key, cursor, count=limit)
        after, found = reply
        return {id_.decode(): read_entry(list_name, text) for id_, text in found.items()}, int(after)

    async def scan(
        self, list_name: str, deleted: bool = False, unreadable: dict[str, Unreadable] | None = None
    ) -> AsyncIterator[list[Entry]]:
        """All entries of a list in chunks; none for an unknown list.

        Args:
            deleted: read the entries of the allowlist of that name that was deleted last.
            unreadable: gets by id the entries that this release can't read.

        Raises:
            StoreUnavailable: at the end, if another server has taken over meanwhile: some entries may be missing.
        """
        key = self.deleted.entries(list_name) if deleted else self._entries(list_name)
        server = await self._store.server_id_of(key)
        cursor = 0
        while True:
            read, cursor = await self._scan(key, list_name, cursor, SCAN_COUNT)
            if unreadable is not None:
                unreadable.update({id_: each for id_, each in read.items() if isinstance(each, Unreadable)})
            yield [entry for entry in read.values() if isinstance(entry, Entry)]
            if cursor == 0:
                break
        if await self._store.server_id_of(key) != server:
            raise StoreUnavailable("another server took over while a list was read")

    async def counts(self, names: Sequence[str]) -> tuple[int, list[int]]:
        """The version, and the number of entries of each list at that version; -1 if there is no such list."""
        version, *counts = await self._store.run(
            lua_scripts.COUNT_ENTRIES, self._keys(*map(self._entries, names)), names
        )
        return version, counts

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        """Up to `limit` changes of versions above `after`, in order."""
        found: Any = await self._store.redis.xrange(self.stream, f"{after + 1}-0", "+", count=limit)
        # Versions have no gaps, so others before the first one are in the archive.
        if found and parse_version(found[0][0]) > after + 1:
            found = await self.archive.after(f"{after}-0", limit)
        return parse_changes(found)

    async def laggards(self, version: int) -> Laggards:
        """The replicas that have not applied `version`."""
        return await self.membership.laggards(version)

    async def replicas(self) -> list[LiveReplica]:
        """The live replicas of all machines, with the version that each has reported."""
        return await self.membership.live_replicas()

    async def wait_applied(self, version: int, timeout: float) -> Laggards:
        """Wait until every live replica has applied `version`, at most `timeout` seconds.

        Returns:
            Those that have not, and the silent ones that may not have.
        """
        return await self._wait(lambda: self.laggards(version), timeout)

    async def wait_flushed(self, timeout: float) -> Laggards:
        """Wait until all that the live replicas know by now is in the store, at most `timeout` seconds.

        Returns:
            The names of those whose knowledge may not be.
        """
        flush_request = await self.membership.request_flush()
        return await self._wait(lambda: self.membership.laggards(0, flush_request), timeout)

    async def wait_judged(self, timeout: float) -> int:
        """Wait until the live replicas have judged, recorded or purged all responses that are unjudged now, at most
        `timeout` seconds.

        Returns:
            How many they have still to judge; at least one for each replica that did not answer. With what dead ones
            had under way, and nobody took over. 0: none.
        """
        return sum(max(1, count) for count in (await self.wait_judged_by_each(timeout)).values())

    async def wait_judged_by_each(self, timeout: float) -> UnjudgedByReplica:
        """The same by replica, without those that have judged all. 0: it does not report. What is stuck is not waited
        for."""
        flush_request = await self.membership.request_flush()
        deadline = time.monotonic() + timeout
        while True:
            unjudged = await self.membership.unjudged(flush_request)
            if unjudged.is_stuck or time.monotonic() > deadline:
                return unjudged
            await asyncio.sleep(POLL_SECONDS)

    async def pending_requests(self) -> int:
        """How many requests broke off that nobody has answered yet: no cache can have stored a response to them."""
        return await self.membership.pending()

    async def unjudged_before(self, at: float) -> UnjudgedByReplica:
        """By replica, how many responses are unjudged now, where the first was found to be before `at` (Unix seconds).
        0: it does not report."""
        return await self.membership.unjudged_before(at)

    async def _wait(self, laggards: Callable[[], Awaitable[Laggards]], timeout: float) -> Laggards:
        deadline = time.monotonic() + timeout
        while (left := await laggards()) and time.monotonic() <= deadline:
            await asyncio.sleep(POLL_SECONDS)
        return left


_REFUSALS: Mapping[bytes, tuple[type[UserError], str]] = {
    b"unknown": (NotFound, "no list is named {!r}"),
    b"undone": (Conflict, "the act {} is undone: what it lists is not listed any more"),
    b"taken": (Conflict, "the act {} is another caller's, or lists on another list"),
}
