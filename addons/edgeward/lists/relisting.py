"""Listing again what is on a list already. Nothing about it changes, but what was seen is matched against it again, and
purged again: a copy that was stored since the first listing goes too.

It is recorded as a change "entry.add" of the entry as it is, by the one who lists it again.
"""

from collections.abc import Sequence
from itertools import batched

from edgeward.lists.audit_trail import signed
from edgeward.lists.lua_scripts import RECORD
from edgeward.lists.stored_lists import read_entry
from edgeward.store.connection import Store
from edgeward.types import Change, Entry

CHUNK_SIZE = 1000
"""Entries that one script call lists again: it blocks the store for about 10 ms."""

LIST_AGAIN = (
    RECORD
    + """
-- keys 3, 4: the lists, the entries of the list; name of the list, then ids
-- -> {at, version, json of the entry, version, ...}, without those that are not there
local again = {at}
for i = 4, #ARGV do
  local json = redis.call('HGET', KEYS[4], ARGV[i])
  if json then
    again[#again + 1] = record('entry.add', 'entry', json, nil, true)
    again[#again + 1] = json
  end
end
return again
"""
)


async def list_again(store: Store, list_name: str, ids: Sequence[str], who: str, why: str = "") -> list[Change]:
    """Record of those of these entries that are on the list that they are listed again, in this order.

    Returns:
        The changes, on disk.
    """
    keys = [
        store.key("{blocklist}", *parts) for parts in (("version",), ("changes",), ("lists",), ("entries", list_name))
    ]
    changes: list[Change] = []
    for chunk in batched(ids, CHUNK_SIZE):
        at, *done = await store.run_durably(LIST_AGAIN, keys, (signed(who), why, list_name, *chunk))
        for version, text in zip(done[::2], done[1::2], strict=True):
            entry = read_entry(list_name, text)
            read, unreadable = (entry, None) if isinstance(entry, Entry) else (None, entry)
            changes.append(Change(version, "entry.add", who, float(at), why, entry=read, unreadable=unreadable))
    return changes
