"""The modes of single entries. An entry that matches too many different images is set to monitor by itself, whatever
its list's mode is, until a person decides.

{blocklist}:suspended  entry id -> when and why it was set to monitor, as JSON: the entries that wait for a person
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edgeward.errors import Conflict, NotFound
from edgeward.lists.audit_trail import signed
from edgeward.lists.lua_scripts import RECORD
from edgeward.lists.stored_lists import read_entry
from edgeward.store.connection import Arg, Store
from edgeward.types import Change, Entry, Mode

MAX_ATTEMPTS = 100
"""How often a mode is set again on an entry that another caller has changed meanwhile."""

SET_MODE = (
    RECORD
    + """
-- key 3: the lists, 4: the entries of the list, 5: the suspended ones, 6: ids that the entry's act has added
-- id, the entry's json as it was ("": it is one of a batch alone), as it is to be, the suspension as json ("": none),
-- op, "again" or "", name of the list -> {version, at}, or nil if the entry is another by now
if (redis.call('HGET', KEYS[4], ARGV[3]) or '') ~= ARGV[4] then return false end
if redis.call('HEXISTS', KEYS[3], ARGV[9]) == 0 then return false end
redis.call('HSET', KEYS[4], ARGV[3], ARGV[5])
-- A single entry beside that of the batch: the undo of the act takes off both.
if ARGV[4] == '' then redis.call('RPUSH', KEYS[6], ARGV[3]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[5], ARGV[3], ARGV[6]) else redis.call('HDEL', KEYS[5], ARGV[3]) end
return {record(ARGV[7], 'entry', ARGV[5], nil, ARGV[8] ~= ''), at}
"""
)


@dataclass(frozen=True, slots=True)
class Suspension:
    """An entry that was set to monitor, when (Unix seconds), and how many different images it had matched within a
    day."""

    entry: Entry
    at: float
    images: int


class EntryModes:
    """Sets the modes of entries in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._suspended = store.key("{blocklist}", "suspended")

    async def suspend(self, entry: Entry, images: int, who: str, why: str, in_batch: bool = False) -> Change | None:
        """Set an entry to monitor. None: it is not there any more, or a person or another controller has set its mode.

        Args:
            images: how many different ones it has matched.
            in_batch: it is one of a batch alone. It gets a single entry beside it, which counts.
        """
        at = self._store.clock.now()
        note = json.dumps({"list": entry.list, "at": at, "images": images}, separators=(",", ":"))
        try:
            return await self._set(entry, Mode.MONITOR, note, who, why, in_batch)
        except (NotFound, Conflict):
            return None

    async def confirm(self, entry: Entry, who: str, why: str) -> Change:
        """Let a suspended entry act as its list says again, and for good: it is not set to monitor once more. What was
        seen is matched against it again, and purged.

        Raises:
            NotFound: there is no such entry.
            Conflict: it is not suspended.
        """
        return await self._set(entry, Mode.ENFORCE, "", who, why)

    async def _set(self, entry: Entry, mode: Mode, note: str, who: str, why: str, in_batch: bool = False) -> Change:
        keys = [self._store.key("{blocklist}", *parts) for parts in (("version",), ("changes",), ("lists",))]
        keys += [self._store.key("{blocklist}", "entries", entry.list), self._suspended]
        keys += [self._store.key("{blocklist}", "act", f"{entry.act}:added")]
        # What an entry that is enforced again matches is purged: it is recorded as listed again.
        op, again = ("entry.set", "") if mode is Mode.MONITOR else ("entry.add", "again")
        wanted = None if mode is Mode.MONITOR else Mode.MONITOR
        for _ in range(MAX_ATTEMPTS):
            was: bytes | None = await self._redis.hget(keys[3], entry.id)
            known = read_entry(entry.list, was) if was else entry
            if was is None and not in_batch:
                raise NotFound(f"no entry of the list {entry.list!r} has the ID {entry.id!r}")
            if not isinstance(known, Entry) or known.mode is not wanted:
                raise Conflict(f"the entry {entry.id} was not set to monitor, or somebody has decided on it")
            new = replace(known, mode=mode)
            args: list[Arg] = [signed(who), why, entry.id, was or b"", new.to_json(), note, op, again, entry.list]
            if done := await self._store.run_durably(SET_MODE, keys, args):
                return Change(done[0], op, who, float(done[1]), why, entry=new)
        raise Conflict(f"the entry {entry.id} is changed by others again and again: try again")

    async def note_suspended(self, list_name: str, entry_id: str) -> None:
        """Note that an entry waits for a person, unless that is noted: the store may have lost it, and a process has
        written the entry back."""
        note = json.dumps({"list": list_name, "at": self._store.clock.now(), "images": 0}, separators=(",", ":"))
        await self._redis.hsetnx(self._suspended, entry_id, note)

    async def suspended(self) -> list[Suspension]:
        """The entries that wait for a person, oldest first. Of those that are not listed any more nothing is kept."""
        notes: Mapping[bytes, bytes] = await self._redis.hgetall(self._suspended)
        found = []
        for entry_id, text in notes.items():
            note = json.loads(text)
            stored = await self._redis.hget(self._store.key("{blocklist}", "entries", note["list"]), entry_id)
            entry = read_entry(note["list"], stored) if stored else None
            if isinstance(entry, Entry) and entry.mode is Mode.MONITOR:
                found.append(Suspension(entry, note["at"], note["images"]))
            else:
                await self._redis.hdel(self._suspended, entry_id)
        return sorted(found, key=lambda each: (each.at, each.entry.id))
