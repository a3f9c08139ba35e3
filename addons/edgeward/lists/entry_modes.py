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
-- key 3: the lists, 4: the entries of the list, 5: the suspended ones
-- id, the entry's json as it was, as it is to be, the suspension as json ("": none), op, "again" or ""
-- -> {version, at}, or nil if the entry is another by now
if redis.call('HGET', KEYS[4], ARGV[3]) ~= ARGV[4] then return false end
redis.call('HSET', KEYS[4], ARGV[3], ARGV[5])
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

    async def suspend(self, list_name: str, entry_id: str, images: int, who: str, why: str) -> Change | None:
        """Set an entry to monitor. None: it is not there any more, or a person or another controller has set its mode.

        `images`: how many different ones it has matched.
        """
        note = json.dumps({"list": list_name, "at": self._store.clock.now(), "images": images}, separators=(",", ":"))
        try:
            return await self._set(list_name, entry_id, Mode.MONITOR, note, who, why)
        except (NotFound, Conflict):
            return None

    async def confirm(self, list_name: str, entry_id: str, who: str, why: str) -> Change:
        """Let a suspended entry act as its list says again, and for good: it is not set to monitor once more. What was
        seen is matched against it again, and purged.

        Raises:
            NotFound: there is no such entry.
            Conflict: it is not suspended.
        """
        change = await self._set(list_name, entry_id, Mode.ENFORCE, "", who, why)
        assert change is not None
        return change

    async def _set(self, list_name: str, entry_id: str, mode: Mode, note: str, who: str, why: str) -> Change:
        keys = [self._store.key("{blocklist}", *parts) for parts in (("version",), ("changes",), ("lists",))]
        entries = self._store.key("{blocklist}", "entries", list_name)
        # What an entry that is enforced again matches is purged: it is recorded as listed again.
        op, again = ("entry.set", "") if mode is Mode.MONITOR else ("entry.add", "again")
        wanted = None if mode is Mode.MONITOR else Mode.MONITOR
        for _ in range(MAX_ATTEMPTS):
            was: bytes | None = await self._redis.hget(entries, entry_id)
            if was is None:
                raise NotFound(f"no entry of the list {list_name!r} has the ID {entry_id!r}")
            entry = read_entry(list_name, was)
            if not isinstance(entry, Entry) or entry.mode is not wanted:
                raise Conflict(f"the entry {entry_id} was not set to monitor, or somebody has decided on it")
            new = replace(entry, mode=mode)
            args: list[Arg] = [signed(who), why, entry_id, was, new.to_json(), note, op, again]
            if done := await self._store.run_durably(SET_MODE, [*keys, entries, self._suspended], args):
                return Change(done[0], op, who, float(done[1]), why, entry=new)
        raise Conflict(f"the entry {entry_id} is changed by others again and again: try again")

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
