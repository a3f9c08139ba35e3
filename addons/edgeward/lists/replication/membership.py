"""Which replicas are alive, and which version of the lists each has applied.

This is how Edgeward knows that an acknowledged change acts everywhere. A replica sends a heartbeat at least every
HEARTBEAT_SECONDS; after LEASE_SECONDS without one it counts as dead, and is not waited for. All times are the store's,
so that the clocks of the machines do not matter.

A flush request is a barrier: it asks all replicas to write to the store what they know by then (sightings that wait in
a write buffer). Its number is the time at which it was made, in microseconds. A replica that has written
acknowledges it with its next heartbeat; that acknowledges all earlier requests too. Apart from that it says up to which
flush request it has judged all responses that were unjudged by then, and how many are unjudged now. A flush request has
the version of the lists at that time: with older lists nothing counts as judged. Of pending requests, which nobody has
answered yet, a replica says the number: they are not waited for. A replica has settled a flush request when it has
judged all but what is stuck: nobody waits for that any longer, and it counts as unjudged.

What a dead replica had under way is in its journal, on its machine, and nobody has judged it. So it counts as unjudged
until another process takes that journal over, or the replica is forgotten. If its last heartbeat named nothing, the
number is not known: it is given as 0.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from edgeward.lists.lua_scripts import RESTORE_VERSION
from edgeward.store.connection import Store

HEARTBEAT_SECONDS = 0.5
LEASE_SECONDS = 2.0
FORGET_SECONDS = 600.0
FLUSH_REQUESTS_KEPT = 100
"""Flush requests that are kept in the stream. A replica needs to see only the last."""
LOADING = -1
"""Reported by a replica that is not ready. It lets nothing through, and will apply all that the store holds now before
it does; so it counts as having applied that, and as having nothing to flush."""
DIVERGED = -2
"""Reported by a replica that acts on lists which are not the store's: every change waits for it."""

# The hash of replicas: name ->
#   "<version> <time of the heartbeat> <flush request that is acknowledged> <flush request that is judged> <unjudged>
#    <time since when the oldest of those is, or 0> <requests under way> <pending requests> <hosts of the unjudged ones,
#    percent-encoded, with commas; or -> <flush request that is settled> <stuck requests> <unjudged at other hosts than
#    those> <journal, or ->"
# Processes of earlier versions leave out the last ten, the pending ones, the hosts, or what is between those and the
# journal. The journal is always last.
# The history of the store is a hash: "id" is a random number, written at first use. "replaced:<id>" says how an earlier
# history was replaced (see replication/store_loss.py).
# KEYS: replicas, version, changes, history
# ARGV: name, version to report, version applied, flush request acknowledged, flush request judged, number of unjudged,
# id for a store without a history, id of the history that is asked for, age of the oldest unjudged in seconds, number
# of requests under way, number of pending requests, hosts of the unjudged ones, journal, flush request settled, number
# of stuck requests, number of unjudged at other hosts
# -> {the store's version, when the applied change was made, id of its history, how the other one was replaced}
_HEARTBEAT = (
    RESTORE_VERSION
    + """
restore_version(KEYS[2], KEYS[3])
local time = redis.call('TIME')
local newest = redis.call('GET', KEYS[2]) or '0'
local reported, acknowledged, judged, settled = ARGV[2], ARGV[4], ARGV[5], ARGV[14]
if reported == '-1' then
  -- All requests before this millisecond: another one may still be made in it.
  reported, acknowledged = newest, string.format('%.0f', (time[1] * 1000 + math.floor(time[2] / 1000)) * 1000 - 1)
  -- It may have to judge what a killed process left.
  if ARGV[6] == '0' then judged, settled = acknowledged, acknowledged end
end
local seen = time[1] .. '.' .. string.format('%06d', time[2])
local since = ARGV[6] == '0' and '0' or string.format('%.3f', time[1] + time[2] / 1000000 - tonumber(ARGV[9]))
redis.call('HSET', KEYS[1], ARGV[1],
  table.concat({reported, seen, acknowledged, judged, ARGV[6], since, ARGV[10], ARGV[11], ARGV[12],
    settled, ARGV[15], ARGV[16], ARGV[13]}, ' '))
local at = false
if tonumber(ARGV[3]) > 0 then
  local id = ARGV[3] .. '-0'
  for _, change in ipairs(redis.call('XRANGE', KEYS[3], id, id)) do
    for i = 1, #change[2], 2 do
      if change[2][i] == 'at' then at = change[2][i + 1] end
    end
  end
end
if redis.call('HEXISTS', KEYS[4], 'id') == 0 then redis.call('HSET', KEYS[4], 'id', ARGV[7]) end
local history = redis.call('HMGET', KEYS[4], 'id', 'replaced:' .. ARGV[8])
return {tonumber(newest), at, history[1], history[2]}
"""
)

# A replica that reports a version which the store has never had outlived a loss of data: it lags too.
# KEYS: replicas, version. ARGV: version, lease in seconds, seconds until a replica is forgotten, flush request
# -> names of live replicas that have not applied the version, or not acknowledged the flush request
_LAGGARDS = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local newest = tonumber(redis.call('GET', KEYS[2]) or 0)
local names = {}
local replicas = redis.call('HGETALL', KEYS[1])
for i = 1, #replicas, 2 do
  local reported, seen, acknowledged = string.match(replicas[i + 1], '(%S+) (%S+) ?(%S*)')
  local age = now - tonumber(seen)
  reported = tonumber(reported)
  if age > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], replicas[i])
  elseif age <= tonumber(ARGV[2]) and (reported < tonumber(ARGV[1]) or reported > newest
      or (tonumber(acknowledged) or 0) < tonumber(ARGV[4])) then
    names[#names + 1] = replicas[i]
  end
end
return names
"""

# A live replica counts if it has not judged all up to the flush request, or with a time if what is unjudged there is
# that old; a dead one if it has a journal, in which something may be under way. One of an earlier version can't say.
# KEYS: replicas. ARGV: lease in seconds, seconds until a replica is forgotten, flush request, or '' and a time
# -> by such replica: its name; how many responses are unjudged as far as it has said (0: it has named none); 1 if it
# has settled the flush request: then those are the stuck ones, and the others are newer; 1 if all are at the hosts that
# it names, else 0; those hosts as in its heartbeat
_UNJUDGED = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local before = tonumber(ARGV[4])
local found = {}
local replicas = redis.call('HGETALL', KEYS[1])
for i = 1, #replicas, 2 do
  local fields = {}
  for field in string.gmatch(replicas[i + 1], '%S+') do fields[#fields + 1] = field end
  local seen, unjudged = tonumber(fields[2]), tonumber(fields[5])
  local is_live, settled, counts = now - seen <= tonumber(ARGV[1]), 0
  local names_hosts = #fields > 12 and tonumber(fields[12]) == 0
  if is_live and before then
    counts = unjudged ~= 0 and (tonumber(fields[6]) or 0) < before
  elseif is_live then
    counts = (tonumber(fields[4]) or 0) < tonumber(ARGV[3])
    if #fields > 12 and tonumber(fields[10]) >= tonumber(ARGV[3]) then
      settled, unjudged = 1, math.max(1, tonumber(fields[11]))
    end
    -- Else some may have broken off since this heartbeat.
    names_hosts = names_hosts and settled == 1
  elseif now - seen <= tonumber(ARGV[2]) then
    local since = unjudged and unjudged > 0 and tonumber(fields[6]) or seen
    unjudged = tonumber(fields[7]) or unjudged or 0
    -- Its last heartbeat may be older than its last request.
    local may_have = #fields > 7 and fields[#fields] ~= '-'
    counts = (unjudged > 0 or may_have) and (not before or since < before)
    names_hosts = false
  end
  if counts then
    found[#found + 1] = replicas[i]
    found[#found + 1] = unjudged or 0
    found[#found + 1] = settled
    found[#found + 1] = names_hosts and 1 or 0
    found[#found + 1] = #fields > 9 and fields[9] or '-'
  end
end
return found
"""

# KEYS: replicas. ARGV: lease in seconds -> how many requests are pending in live replicas
_PENDING = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local count = 0
for _, value in ipairs(redis.call('HVALS', KEYS[1])) do
  local fields = {}
  for field in string.gmatch(value, '%S+') do fields[#fields + 1] = field end
  if #fields > 8 and now - tonumber(fields[2]) <= tonumber(ARGV[1]) then count = count + tonumber(fields[8]) end
end
return count
"""

# A replica that leaves requests in its journal counts as dead at once.
# KEYS: replicas. ARGV: name, lease in seconds, number of requests under way
_LEAVE = """
local value = redis.call('HGET', KEYS[1], ARGV[1])
if not value or ARGV[3] == '0' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
local time = redis.call('TIME')
local fields = {}
for field in string.gmatch(value, '%S+') do fields[#fields + 1] = field end
fields[2], fields[7] = string.format('%.6f', time[1] + time[2] / 1000000 - tonumber(ARGV[2]) - 0.001), ARGV[3]
return redis.call('HSET', KEYS[1], ARGV[1], table.concat(fields, ' '))
"""

# KEYS: replicas. ARGV: journals
_FORGET_JOURNALS = """
local journals = {}
for _, journal in ipairs(ARGV) do journals[journal] = true end
local replicas = redis.call('HGETALL', KEYS[1])
for i = 1, #replicas, 2 do
  if journals[string.match(replicas[i + 1], '%S+$')] then redis.call('HDEL', KEYS[1], replicas[i]) end
end
"""

# KEYS: replicas. ARGV: lease in seconds -> name, reported version and age of each live replica, one after the other
_LIVE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local found = {}
local replicas = redis.call('HGETALL', KEYS[1])
for i = 1, #replicas, 2 do
  local reported, seen = string.match(replicas[i + 1], '(%S+) (%S+)')
  local age = now - tonumber(seen)
  if age <= tonumber(ARGV[1]) then
    found[#found + 1] = replicas[i]
    found[#found + 1] = reported
    found[#found + 1] = string.format('%.3f', age)
  end
end
return found
"""


@dataclass(frozen=True, slots=True)
class StoreHistory:
    """What the store answers to a heartbeat: it tells a replica whether it still follows the same history.

    Attributes:
        version: the newest version in the store.
        applied_at: when the change was made that the replica applied last, Unix seconds; None if it has applied none,
            or the store does not have that change any more.
        id: of the history.
        replaced: how the history that was asked for was replaced by this one (store_loss.REFILLED or ACCEPTED); "" if
            it was not.
    """

    version: int
    applied_at: float | None
    id: str = ""
    replaced: str = ""


@dataclass(frozen=True, slots=True, order=True)
class LiveReplica:
    """A live replica: the version that it reported last, or DIVERGED, and how many seconds ago."""

    id: str
    version: int
    age: float


class UnjudgedByReplica(dict[str, int]):
    """By replica, how many responses it has still to judge; 0: it has named none, and may have some.

    Attributes:
        is_stuck: all of them are stuck, so nobody waits for them.
        hosts: of these, each once.
        names_all_hosts: there are none at other hosts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_stuck = self.names_all_hosts = True
        self.hosts: dict[str, None] = {}


class Membership:
    """The replicas that have sent heartbeats."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._replicas = store.key("{blocklist}", "replicas")
        self._keys = (self._replicas, store.key("{blocklist}", "version"), store.key("{blocklist}", "changes"))
        self._history = store.key("{blocklist}", "history")
        self.flush_requests = store.key("{blocklist}", "questions")
        """Key of the stream of flush requests."""

    async def heartbeat(
        self,
        name: str,
        reported: int,
        applied: int | None = None,
        acknowledged: int = 0,
        judged: int | None = None,
        open_count: int = 0,
        asked_history: str = "",
        open_seconds: float = 0.0,
        under_way: int = 0,
        journal: str = "-",
        pending: int = 0,
        hosts: Sequence[str] = (),
        settled: int | None = None,
        stuck: int = 0,
        elsewhere: int = 0,
    ) -> StoreHistory:
        """Say that the replica `name` is alive.

        Args:
            reported: the version that it reports, or LOADING or DIVERGED.
            applied: the version that it has applied, if that is not the one reported.
            acknowledged: the last flush request that it has carried out.
            judged: the last flush request since which it has judged all that was unjudged; None: the same.
            open_count: how many responses are unjudged now, without the pending ones.
            asked_history: id of a history; the answer says whether it was replaced.
            open_seconds: for how long the oldest of those has been unjudged.
            under_way: how many requests the journal has.
            journal: name of the journal with the requests that are under way.
            pending: how many requests nobody has answered yet.
            hosts: of the unjudged responses.
            settled: the last flush request since which it has judged all but what is stuck; None: as `judged`.
            stuck: how many requests that is.
            elsewhere: how many of the unjudged responses are at other hosts than `hosts`.
        """
        applied = reported if applied is None else applied
        judged = acknowledged if judged is None else judged
        args = (
            name, reported, applied, acknowledged, judged, open_count, secrets.token_hex(8), asked_history,
            f"{open_seconds:.3f}", max(open_count, under_way), pending,
            ",".join(quote(host, safe="", errors="surrogatepass") for host in hosts if host) or "-", journal,
            judged if settled is None else settled, stuck, elsewhere,
        )  # fmt: skip
        version, at, history, replaced = await self._store.run(_HEARTBEAT, (*self._keys, self._history), args)
        return StoreHistory(version, float(at) if at else None, history.decode(), (replaced or b"").decode())

    async def live_replicas(self) -> list[LiveReplica]:
        """The replicas that are alive, by name."""
        found = await self._store.run(_LIVE, self._keys[:1], (LEASE_SECONDS,))
        named = zip(found[::3], found[1::3], found[2::3], strict=True)
        return sorted(LiveReplica(name.decode(), int(version), float(age)) for name, version, age in named)

    async def leave(self, name: str, under_way: int = 0) -> None:
        """The replica `name` ends: it is not waited for any more. `under_way`: requests that it leaves in its journal,
        which count as unjudged."""
        await self._store.run(_LEAVE, (self._replicas,), (name, LEASE_SECONDS, under_way))

    async def forget_journals(self, journals: Sequence[str]) -> None:
        """The requests of dead replicas with these journals were taken over: they are counted elsewhere now."""
        await self._store.run(_FORGET_JOURNALS, (self._replicas,), journals)

    async def laggards(self, version: int, flush_request: int = 0) -> list[str]:
        """Names, sorted, of the live replicas that may let something through by lists older than `version`, or have
        not acknowledged a flush request."""
        names = await self._store.run(_LAGGARDS, self._keys, (version, LEASE_SECONDS, FORGET_SECONDS, flush_request))
        return sorted(name.decode() for name in names)

    async def unjudged(self, flush_request: int) -> UnjudgedByReplica:
        """By replica that has not yet judged all that was unjudged when it read this flush request, or died with
        requests under way: how many responses it has to judge. 0: it has named none, and may have some."""
        return await self._count_unjudged(flush_request, "")

    async def unjudged_before(self, at: float) -> UnjudgedByReplica:
        """By replica, how many responses are unjudged now, where the first was found to be before `at` (Unix
        seconds)."""
        return await self._count_unjudged("", f"{at:.3f}")

    async def _count_unjudged(self, flush_request: int | str, before: str) -> UnjudgedByReplica:
        args = (LEASE_SECONDS, FORGET_SECONDS, flush_request, before)
        found = await self._store.run(_UNJUDGED, self._keys[:1], args)
        counts = UnjudgedByReplica()
        for name, count, is_settled, names_all, hosts in zip(*[iter(found)] * 5, strict=True):
            counts[name.decode()] = int(count)
            counts.is_stuck &= bool(is_settled)
            counts.names_all_hosts &= bool(names_all)
            texts = [] if hosts == b"-" else hosts.decode().split(",")
            counts.hosts.update(dict.fromkeys(unquote(text, errors="surrogatepass") for text in texts))
        return counts

    async def pending(self) -> int:
        """How many requests nobody has answered yet, in all live replicas: no cache can have stored a response."""
        return int(await self._store.run(_PENDING, self._keys[:1], (LEASE_SECONDS,)))

    async def request_flush(self) -> int:
        """Ask all replicas to write to the store what they know by now, and to judge by the lists of now. Returns the
        number of the request."""
        redis: Any = self._store.redis
        version = int(await redis.get(self._keys[1]) or 0)
        added = await redis.xadd(self.flush_requests, {"version": version}, maxlen=FLUSH_REQUESTS_KEPT)
        return flush_request_id(added)


def flush_request_id(record_id: bytes) -> int:
    """The number of a flush request, by the id of its record in the stream ("<milliseconds>-<serial number>")."""
    milliseconds, _, serial = record_id.decode().partition("-")
    return int(milliseconds) * 1000 + int(serial)
