"""The lists and their entries in Redis: the truth that every replica follows.

{blocklist}:version         counts changes from 1, without gaps
{blocklist}:changes         stream of all changes, ids "<version>-0": what replicas follow, and the audit trail
{blocklist}:lists           name -> HashList as JSON
{blocklist}:entries:<list>  entry id -> Entry as JSON
{blocklist}:gone:<list>     an allowlist that was deleted, for GONE_DAYS: see takedown/backwards/suspects.py
{blocklist}:replicas        see rollcall.py
{blocklist}:questions       stream of what replicas are asked, the last of them
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any

from edgeward.blocklist import scripts
from edgeward.blocklist.rollcall import Presence, RollCall
from edgeward.errors import Conflict, NotFound, StoreUnavailable
from edgeward.store.connection import Store
from edgeward.types import Change, Entry, HashList

CHUNK = 1000
"""Entries that one script call adds: some 10 ms in which the store does nothing else."""
SCAN_CHUNK = 500
POLL_SECONDS = 0.003
GONE_DAYS = 7


class Catalogue:
    """Reads and changes the blocklist. Each change is atomic, recorded and, when the call returns, on disk."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rollcall = RollCall(store)
        self._version = store.key("{blocklist}", "version")
        self.stream = store.key("{blocklist}", "changes")
        self._lists = store.key("{blocklist}", "lists")

    def _entries(self, list_name: str) -> str:
        return self._store.key("{blocklist}", "entries", list_name)

    def _gone(self, list_name: str) -> str:
        return self._store.key("{blocklist}", "gone", list_name)

    def _keys(self, *more: str) -> tuple[str, ...]:
        return (self._version, self.stream, self._lists, *more)

    async def version(self) -> int:
        """Number of changes made so far."""
        return int(await self._store.redis.get(self._version) or 0)

    async def lists(self) -> list[HashList]:
        """All lists by name."""
        found = await self._store.redis.hvals(self._lists)
        return sorted((HashList.from_json(text) for text in found), key=lambda one: one.name)

    async def get_list(self, name: str) -> HashList:
        """The list of this name, else NotFound."""
        text = await self._store.redis.hget(self._lists, name)
        if text is None:
            raise NotFound(f"no list is named {name!r}")
        return HashList.from_json(text)

    async def create_list(self, hash_list: HashList, who: str, why: str = "") -> Change:
        """Add an empty list; Conflict if there is one of that name."""
        change = await self._put_list(hash_list, who, why, must_exist=False)
        if change is None:
            raise Conflict(f"a list named {hash_list.name!r} exists already")
        return change

    async def set_list(self, hash_list: HashList, who: str, why: str = "") -> Change:
        """Change the policy of a list, else NotFound. Its entries stay."""
        change = await self._put_list(hash_list, who, why, must_exist=True)
        if change is None:
            raise NotFound(f"no list is named {hash_list.name!r}")
        return change

    async def _put_list(self, hash_list: HashList, who: str, why: str, must_exist: bool) -> Change | None:
        args = (who, why, hash_list.name, hash_list.to_json(), int(must_exist))
        done = await self._store.run_durably(scripts.PUT_LIST, self._keys(), args)
        return Change(done[0], "list.set", who, float(done[1]), why, list=hash_list) if done else None

    async def delete_list(self, name: str, who: str, why: str = "") -> Change:
        """Remove a list and all its entries, else NotFound."""
        keys = self._keys(self._entries(name), self._gone(name))
        done = await self._store.run_durably(scripts.DELETE_LIST, keys, (who, why, name, GONE_DAYS * 86_400_000))
        if not done:
            raise NotFound(f"no list is named {name!r}")
        version, at, text = done
        return Change(version, "list.delete", who, float(at), why, list=HashList.from_json(text))

    async def add_entries(self, entries: Sequence[Entry], who: str, why: str = "") -> list[Change]:
        """Add entries, in order; one that is there already stays as it is and makes no Change.

        CHUNK entries are added at a time, each chunk whole or not at all. Missing `added_by` and `added_at` are
        filled in.

        Raises:
            NotFound: one of the lists does not exist; then nothing was written.
        """
        now = time.time()
        complete = [replace(e, added_by=e.added_by or who, added_at=e.added_at or now) for e in entries]
        names = sorted({entry.list for entry in complete})
        chunks = list(batched(complete, CHUNK))
        changes: list[Change] = []
        for number, chunk in enumerate(chunks, 1):
            changes += await self._add_chunk(chunk, names, who, why, last=number == len(chunks))
        return changes

    async def _add_chunk(
        self, chunk: Sequence[Entry], names: Sequence[str], who: str, why: str, last: bool
    ) -> list[Change]:
        number = {name: position for position, name in enumerate(names, 1)}
        args: list[str | int] = [who, why, len(names), *names]
        for entry in chunk:
            args += (number[entry.list], entry.id, entry.to_json())
        # The disk takes chunks in order: when the last is on it, all are.
        run = self._store.run_durably if last else self._store.run
        done = await run(scripts.ADD_ENTRIES, self._keys(*map(self._entries, names)), args)
        if isinstance(done, bytes):
            raise NotFound(f"no list is named {done.decode()!r}")
        at = float(done[0])
        added = zip(done[1::2], done[2::2], strict=True)
        return [Change(version, "entry.add", who, at, why, entry=chunk[position]) for position, version in added]

    async def remove_entry(self, list_name: str, entry_id: str, who: str, why: str = "") -> Change:
        """Remove an entry, else NotFound."""
        keys = self._keys(self._entries(list_name))
        done = await self._store.run_durably(scripts.REMOVE_ENTRY, keys, (who, why, entry_id, list_name))
        if not done:
            raise NotFound(f"list {list_name!r} has no entry {entry_id!r}")
        version, at, text = done
        return Change(version, "entry.remove", who, float(at), why, entry=Entry.from_json(text))

    async def entries(self, list_name: str, cursor: int = 0, limit: int = 100) -> tuple[list[Entry], int]:
        """About `limit` entries of a list, and the cursor to go on with: 0 when there are no more.

        An entry that stays on the list through all calls is returned at least once (HSCAN's guarantee).

        Raises:
            NotFound: there is no such list.
        """
        await self.get_list(list_name)
        return await self._scan(self._entries(list_name), cursor, limit)

    async def _scan(self, key: str, cursor: int, limit: int) -> tuple[list[Entry], int]:
        reply: Any = await self._store.redis.hscan(key, cursor, count=limit)
        after, found = reply
        return [Entry.from_json(text) for text in found.values()], int(after)

    async def scan(self, list_name: str, gone: bool = False) -> AsyncIterator[list[Entry]]:
        """All entries of a list in chunks; none for an unknown list. `gone`: of the allowlist that was deleted last.

        Raises:
            StoreUnavailable: at its end, when another server has taken over meanwhile: some may not have come.
        """
        key = self._gone(list_name) if gone else self._entries(list_name)
        server = await self._store.server_of(key)
        cursor = 0
        while True:
            chunk, cursor = await self._scan(key, cursor, SCAN_CHUNK)
            yield chunk
            if cursor == 0:
                break
        if await self._store.server_of(key) != server:
            raise StoreUnavailable("another server took over while a list was read")

    async def count(self, list_name: str) -> int:
        """Number of entries of a list, else NotFound."""
        await self.get_list(list_name)
        return int(await self._store.redis.hlen(self._entries(list_name)))

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        """Up to `limit` changes of versions above `after`, in order."""
        found = await self._store.redis.xrange(self.stream, f"{after + 1}-0", "+", count=limit)
        return parse_changes(found)

    async def laggards(self, version: int) -> list[str]:
        """Names of the live replicas that have not applied `version`."""
        return await self._rollcall.laggards(version)

    async def replicas(self) -> list[Presence]:
        """The live replicas of all machines, with the version that each has applied."""
        return await self._rollcall.present()

    async def wait_applied(self, version: int, timeout: float) -> list[str]:
        """Wait until every live replica has applied `version`, at most `timeout` seconds. Returns who has not."""
        return await self._wait(lambda: self.laggards(version), timeout)

    async def wait_recorded(self, timeout: float) -> list[str]:
        """Wait until all that the live replicas have served by now is on record, at most `timeout` seconds. Returns
        whose may not be."""
        question = await self._rollcall.ask()
        return await self._wait(lambda: self._rollcall.laggards(0, question), timeout)

    async def _wait(self, laggards: Callable[[], Awaitable[list[str]]], timeout: float) -> list[str]:
        deadline = time.monotonic() + timeout
        while left := await laggards():
            if time.monotonic() > deadline:
                return left
            await asyncio.sleep(POLL_SECONDS)
        return []


def parse_changes(records: Any) -> list[Change]:
    """The changes that records of the stream hold, given as XRANGE and XREAD return them: pairs of id and fields."""
    return [_parse_change(id_, fields) for id_, fields in records or ()]


def _parse_change(id_: bytes, fields: Mapping[bytes, bytes]) -> Change:
    text = {name.decode(): value.decode() for name, value in fields.items()}
    return Change(
        version=int(id_.split(b"-")[0]),
        op=text["op"],
        who=text["who"],
        at=float(text["at"]),
        why=text["why"],
        list=HashList.from_json(text["list"]) if "list" in text else None,
        entry=Entry.from_json(text["entry"]) if "entry" in text else None,
    )
