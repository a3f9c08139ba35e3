"""Withdrawals: a programme takes hashes back, and an import takes them off its list. The undo of the import puts back
what it took off.

{blocklist}:act:<id>:withdrawn  list: "ENTRY ID|LATER ACTS|ENTRY AS JSON" of each entry that the act took off
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from edgeward.errors import Conflict, NotFound, StoreUnavailable
from edgeward.lists import act_scripts
from edgeward.lists.acts import MAX_REPORTED, Act, Acts
from edgeward.lists.audit_trail import signed
from edgeward.lists.lua_scripts import RECORD
from edgeward.lists.stored_lists import read_entry
from edgeward.store.connection import Store
from edgeward.types import Entry

CHUNK_SIZE = 500
"""Entries that one script call takes off: it blocks the store for about 10 ms."""
PUT_BACK_SIZE = 150
SCAN_COUNT = 1000

WITHDRAW = (
    RECORD
    + """
-- key 4: the entries of the list, 5: its demands, 6: the record of the act, 7: what it took off, 8: deletions by list
-- name of the list, id of the act, then ids of entries -> {number taken off, version}, or {why not, what}
local list, act = ARGV[3], ARGV[4]
if redis.call('HEXISTS', KEYS[3], list) == 0 then return {'unknown', list} end
local deletions = redis.call('HGET', KEYS[8], list) or '0'
local declared, undone, before = unpack(redis.call('HMGET', KEYS[6], 'list', 'undone_at', 'deletions'))
if undone then return {'undone', act} end
if declared and (declared ~= list or before ~= deletions) then return {'unknown', list} end
if not declared then
  redis.call('HSET', KEYS[6], 'list', list, 'by', who, 'why', ARGV[2], 'at', at, 'deletions', deletions)
end
local was, count, version = redis.call('HGET', KEYS[3], list), 0, 0
for i = 5, #ARGV do
  local json = redis.call('HGET', KEYS[4], ARGV[i])
  if json then
    redis.call('RPUSH', KEYS[7], ARGV[i] .. '|' .. (redis.call('HGET', KEYS[5], ARGV[i]) or '') .. '|' .. json)
    redis.call('HDEL', KEYS[4], ARGV[i])
    redis.call('HDEL', KEYS[5], ARGV[i])
    version = record('entry.remove', 'entry', json, was)
    count = count + 1
  end
end
if count > 0 then redis.call('HINCRBY', KEYS[6], 'withdrawn', count) end
return {count, version}
"""
)


class Withdrawals:
    """Takes entries off the lists for acts, and puts them back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._acts = Acts(store)
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._changes = [store.key("{blocklist}", name) for name in ("version", "changes", "lists")]

    def _keys_of(self, list_name: str) -> list[str]:
        return [self._store.key("{blocklist}", kind, list_name) for kind in ("entries", "demands")]

    async def withdraw(self, list_name: str, ids: Sequence[str], who: str, why: str, act: str) -> int:
        """Take those of at most CHUNK_SIZE entries that are on the list off it, in one step, and return how many.

        Done once more, it takes nothing off.

        Raises:
            NotFound: the list does not exist any more.
            Conflict: the act is undone.
        """
        kept = [self._acts.keys(act)[0], self._acts.withdrawn(act), self._acts.deletions]
        keys = [*self._changes, *self._keys_of(list_name), *kept]
        done = await self._store.run_durably(WITHDRAW, keys, (signed(who), why, list_name, act, *ids))
        if done[0] == b"unknown":
            raise NotFound(f"no list is named {list_name!r}")
        if done[0] == b"undone":
            raise Conflict(f"the act {act} is undone: it withdraws nothing any more")
        return int(done[0])

    async def of_sources(self, list_name: str, sources: Collection[str], act: str) -> AsyncIterator[list[Entry]]:
        """The entries of a list that have one of these ids of their source, in chunks. What `act` itself listed is left
        out; "" leaves nothing out. An entry that is on the list through all calls is found.

        Raises:
            StoreUnavailable: at the end, if another server has taken over meanwhile: some may be missing.
        """
        key, cursor = self._keys_of(list_name)[0], 0
        server = await self._store.server_id_of(key)
        while True:
            cursor, found = await self._redis.hscan(key, cursor, count=SCAN_COUNT)
            # Most lists have few entries with such an id: the others are not parsed.
            with_source = [read_entry(list_name, text) for text in found.values() if b'"source_id"' in text]
            read = [entry for entry in with_source if isinstance(entry, Entry)]
            yield [entry for entry in read if entry.source_id in sources and not (act and entry.act == act)]
            if not cursor:
                break
        if await self._store.server_id_of(key) != server:
            raise StoreUnavailable("another server took over while a list was read")

    async def taken_off(self, act_id: str) -> AsyncIterator[list[Entry]]:
        """The single entries that an act took off, some at a time. Those that can't be read are left out."""
        at = 0
        while items := await self._redis.lrange(self._acts.withdrawn(act_id), at, at + PUT_BACK_SIZE - 1):
            read = [read_entry("", item.split(b"|", 2)[2]) for item in items]
            yield [each for each in read if isinstance(each, Entry)]
            at += len(items)

    async def put_back_some(self, act: Act) -> bool:
        """Put back up to PUT_BACK_SIZE entries that an act took off, in one step, unless all acts that had listed them
        are undone, or their list was deleted. Returns whether more is to do.

        `undone_by` and `undone_why` of the act are in the record of each change.
        """
        record, outcome = self._acts.keys(act.id)[0], self._acts.outcome(act.id)
        keys = [record, self._acts.withdrawn(act.id), *self._keys_of(act.list), outcome, self._acts.deletions]
        given = (act.id, act.list, self._acts.prefix, PUT_BACK_SIZE, MAX_REPORTED)
        args = (signed(act.undone_by), act.undone_why, *given)
        return bool(await self._store.run(act_scripts.PUT_BACK, [*self._changes, *keys], args))
