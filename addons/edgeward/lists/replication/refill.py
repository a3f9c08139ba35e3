"""Restores lists that the store lost from the memory of a process that still holds them.

Every process that noticed the loss says with its heartbeats how much it holds. A controller asks the fullest of them to
write its lists and entries back. That can be repeated at any time: what is there stays as it is. Versions go on above
all that any process has applied. At the end the store gets a new history that replaces the lost one, and the stream of
changes gets a line for the audit trail.

{blocklist}:holdings  name of a replica -> Holding as JSON
{blocklist}:refill    the request: "to", "who", "why", "id"
{blocklist}:history   "id"; "replaced:<id>"; of the last refill "at", "who", "mode", "lists", "entries", "version"
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import batched
from typing import Any, NamedTuple, Self

from edgeward.background.readable_records import readable
from edgeward.errors import Conflict
from edgeward.lists import lua_scripts
from edgeward.lists.audit_trail import signed
from edgeward.lists.list_store import CHUNK_SIZE, ListStore
from edgeward.lists.replication.batch_refill import BatchRefill
from edgeward.lists.replication.membership import Membership
from edgeward.lists.replication.store_loss import ACCEPTED, REFILLED
from edgeward.matching.matcher import Matcher
from edgeward.store.connection import Store

REQUEST_SECONDS = 600
"""After this time a request is forgotten: the process that was asked has died."""

# KEYS: version, changes. ARGV: a version that was applied: all later ones are greater. -> the store's version
_RAISE_VERSION = (
    lua_scripts.RESTORE_VERSION
    + """
restore_version(KEYS[1], KEYS[2])
local version = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', version))
return version
"""
)

# KEYS: version, changes, lists, history, holdings, request. ARGV: who, why, mode, new id, lists, entries, ids of
# histories that are replaced. -> version
_FINISH = (
    lua_scripts.RECORD
    + """
local mode = ARGV[3]
local version = record('store.refill', 'mode', mode)
local replaced = redis.call('HGET', KEYS[4], 'id')
if replaced then redis.call('HSET', KEYS[4], 'replaced:' .. replaced, mode) end
for i = 7, #ARGV do
  if ARGV[i] ~= '' then redis.call('HSET', KEYS[4], 'replaced:' .. ARGV[i], mode) end
end
for _, holding in ipairs(redis.call('HVALS', KEYS[5])) do
  local history = cjson.decode(holding)['history']
  if history ~= '' then redis.call('HSET', KEYS[4], 'replaced:' .. history, mode) end
end
redis.call('HSET', KEYS[4], 'id', ARGV[4], 'at', at, 'who', who, 'mode', mode, 'lists', ARGV[5],
  'entries', ARGV[6], 'version', version)
redis.call('DEL', KEYS[5], KEYS[6])
return version
"""
)


@dataclass(frozen=True, slots=True)
class Holding:
    """What a replica holds that the store lost.

    Attributes:
        lists, entries: how many it has in memory that the store lacks; 0 if it started after the loss.
        version: the greatest version that it has applied.
        history: id of the history that was lost.
    """

    lists: int
    entries: int
    version: int
    history: str

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        data = json.loads(text)
        return cls(data["lists"], data["entries"], data["version"], data["history"])


@dataclass(frozen=True, slots=True)
class RefillRequest:
    """A request to the replica `to` to write its lists back. `who` and `why` are for the audit trail.

    `id` tells requests apart: one that is done may be read once more.
    """

    to: str
    who: str
    why: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass(frozen=True, slots=True)
class RefillRecord:
    """The last refill: Unix seconds, by whom, REFILLED or ACCEPTED, how much was written, and the version after it."""

    at: float
    who: str
    mode: str
    lists: int
    entries: int
    version: int


class RefillSource(NamedTuple):
    """The process that writes its lists back.

    Attributes:
        applied: the greatest version that it has applied.
        name: of its replica, for the audit trail.
    """

    matcher: Matcher
    batches: BatchRefill
    applied: int
    name: str


class Refill:
    """Offers, requests and writes of one store."""

    def __init__(self, store: Store) -> None:
        self._store, self._list_store = store, ListStore(store)
        key = store.key
        self._version, self._changes = key("{blocklist}", "version"), key("{blocklist}", "changes")
        self._lists, self._history = key("{blocklist}", "lists"), key("{blocklist}", "history")
        self._holdings, self._request = key("{blocklist}", "holdings"), key("{blocklist}", "refill")

    async def offer(self, name: str, holding: Holding) -> RefillRequest | None:
        """Say what the replica `name` holds. Returns the request to it, if there is one."""
        redis: Any = self._store.redis
        await redis.hset(self._holdings, name, json.dumps(asdict(holding)))
        found = {field.decode(): value.decode() for field, value in (await redis.hgetall(self._request)).items()}
        known = {each.name: found[each.name] for each in fields(RefillRequest) if each.name in found}
        return RefillRequest(**known) if found.get("to") == name else None

    async def holdings(self) -> dict[str, Holding]:
        """What each live replica holds, by its name."""
        redis: Any = self._store.redis
        live = {replica.id for replica in await Membership(self._store).live_replicas()}
        held = (await redis.hgetall(self._holdings)).items()
        found = readable("holding", held, lambda each: (each[0].decode(), Holding.from_json(each[1])))
        return {name: holding for name, holding in found if name in live}

    async def request(self, request: RefillRequest) -> None:
        """Ask a replica to write its lists back. Another request that is still open is replaced."""
        redis: Any = self._store.redis
        # From where, with the name: an earlier version reads no other fields.
        await redis.hset(self._request, mapping={**asdict(request), "who": signed(request.who)})
        await redis.expire(self._request, REQUEST_SECONDS)

    async def last(self) -> RefillRecord | None:
        """The last refill of this store, or None."""
        redis: Any = self._store.redis
        found = await redis.hmget(self._history, "at", "who", "mode", "lists", "entries", "version")
        if any(value is None for value in found):
            return None
        at, who, mode, lists, entries, version = (value.decode() for value in found)
        return RefillRecord(float(at), who, mode, int(lists), int(entries), int(version))

    async def history(self, other: str) -> tuple[str, str]:
        """The id of the store's history, "" before the first use, and how the history `other` was replaced by it."""
        redis: Any = self._store.redis
        current, replaced = await redis.hmget(self._history, "id", f"replaced:{other}")
        return (current or b"").decode(), (replaced or b"").decode()

    async def write_back(self, source: RefillSource, request: RefillRequest, history: str) -> int:
        """Write all lists and entries of a process that the store lacks. Returns the version after it.

        Entries keep their provenance: who listed them, when and why.

        Args:
            history: id of the history that was lost.

        Raises:
            STORE_AWAY: what is written stays; the next request continues.
        """
        holdings = await self.holdings()
        floor = max([source.applied, *(holding.version for holding in holdings.values())])
        version = await self._store.run(_RAISE_VERSION, (self._version, self._changes), (floor,))
        who = request.who
        why = f"refilled from memory by {source.name} at version {version}" + (
            f": {request.why}" if request.why else ""
        )
        lists = entries = 0
        for hash_list in list(source.matcher.lists.values()):
            try:
                await self._list_store.create_list(hash_list, who, why)
                lists += 1
            except Conflict:
                pass  # the store has it
            entries += await source.batches.write_back(hash_list.name)
            for chunk in batched(list(source.matcher.single_entries(hash_list.name).values()), CHUNK_SIZE):
                entries += len(await self._list_store.add_entries(chunk, who, why))
        return await self._finish(REFILLED, who, why, (lists, entries), [history])

    async def accept_loss(self, who: str, why: str, histories: Iterable[str]) -> int:
        """Record that what the store lost is given up. Every process then drops what the store does not have."""
        holdings = await self.holdings()
        floor = max([0, *(holding.version for holding in holdings.values())])
        await self._store.run(_RAISE_VERSION, (self._version, self._changes), (floor,))
        why = "accepted that the lists of the store are lost" + (f": {why}" if why else "")
        return await self._finish(ACCEPTED, who, why, (0, 0), list(histories))

    async def _finish(self, mode: str, who: str, why: str, written: tuple[int, int], histories: Sequence[str]) -> int:
        keys = (self._version, self._changes, self._lists, self._history, self._holdings, self._request)
        args: list[str | int] = [signed(who), why, mode, secrets.token_hex(8), *written, *histories]
        version: int = await self._store.run_durably(_FINISH, keys, args)
        return version
