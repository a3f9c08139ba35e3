"""Which replicas are alive, and which version of the lists each has applied.

This is how Edgeward knows that an acknowledged change acts everywhere. A replica sends a heartbeat at least every
HEARTBEAT_SECONDS; after LEASE_SECONDS without one it counts as dead, and is not waited for. All times are the store's,
so that the clocks of the machines do not matter.

A flush request is a barrier: it asks all replicas to write to the store what they know by then (sightings that wait in
a write buffer). Its number is the time at which it was made, in microseconds. A replica that has written
acknowledges it with its next heartbeat; that acknowledges all earlier requests too.
"""

from dataclasses import dataclass
from typing import Any

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

# The hash of replicas: name -> "<version> <time of the heartbeat> <flush request that is acknowledged>"
# KEYS: replicas, version, changes. ARGV: name, version to report, version applied, flush request acknowledged
# -> {the store's version, when the applied change was made}
_HEARTBEAT = """
local time = redis.call('TIME')
local newest = redis.call('GET', KEYS[2]) or '0'
local reported, acknowledged = ARGV[2], ARGV[4]
if reported == '-1' then
  -- All requests before this millisecond: another one may still be made in it.
  reported, acknowledged = newest, string.format('%.0f', (time[1] * 1000 + math.floor(time[2] / 1000)) * 1000 - 1)
end
local seen = time[1] .. '.' .. string.format('%06d', time[2])
redis.call('HSET', KEYS[1], ARGV[1], reported .. ' ' .. seen .. ' ' .. acknowledged)
local at = false
if tonumber(ARGV[3]) > 0 then
  local id = ARGV[3] .. '-0'
  for _, change in ipairs(redis.call('XRANGE', KEYS[3], id, id)) do
    for i = 1, #change[2], 2 do
      if change[2][i] == 'at' then at = change[2][i + 1] end
    end
  end
end
return {tonumber(newest), at}
"""

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
    """

    version: int
    applied_at: float | None


@dataclass(frozen=True, slots=True, order=True)
class LiveReplica:
    """A live replica: the version that it reported last, or DIVERGED, and how many seconds ago."""

    id: str
    version: int
    age: float


class Membership:
    """The replicas that have sent heartbeats."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._replicas = store.key("{blocklist}", "replicas")
        self._keys = (self._replicas, store.key("{blocklist}", "version"), store.key("{blocklist}", "changes"))
        self.flush_requests = store.key("{blocklist}", "questions")
        """Key of the stream of flush requests."""

    async def heartbeat(
        self, name: str, reported: int, applied: int | None = None, acknowledged: int = 0
    ) -> StoreHistory:
        """Say that the replica `name` is alive.

        Args:
            reported: the version that it reports, or LOADING or DIVERGED.
            applied: the version that it has applied, if that is not the one reported.
            acknowledged: the last flush request that it has carried out.
        """
        applied = reported if applied is None else applied
        version, at = await self._store.run(_HEARTBEAT, self._keys, (name, reported, applied, acknowledged))
        return StoreHistory(version, float(at) if at else None)

    async def live_replicas(self) -> list[LiveReplica]:
        """The replicas that are alive, by name."""
        found = await self._store.run(_LIVE, self._keys[:1], (LEASE_SECONDS,))
        named = zip(found[::3], found[1::3], found[2::3], strict=True)
        return sorted(LiveReplica(name.decode(), int(version), float(age)) for name, version, age in named)

    async def leave(self, name: str) -> None:
        """The replica `name` ends: it is not waited for any more."""
        await self._store.redis.hdel(self._replicas, name)

    async def laggards(self, version: int, flush_request: int = 0) -> list[str]:
        """Names, sorted, of the live replicas that may let something through by lists older than `version`, or have
        not acknowledged a flush request."""
        names = await self._store.run(_LAGGARDS, self._keys, (version, LEASE_SECONDS, FORGET_SECONDS, flush_request))
        return sorted(name.decode() for name in names)

    async def request_flush(self) -> int:
        """Ask all replicas to write to the store what they know by now. Returns the number of the request."""
        added: Any = await self._store.redis.xadd(self.flush_requests, {"": ""}, maxlen=FLUSH_REQUESTS_KEPT)
        return flush_request_id(added)


def flush_request_id(record_id: bytes) -> int:
    """The number of a flush request, by the id of its record in the stream ("<milliseconds>-<serial number>")."""
    milliseconds, _, serial = record_id.decode().partition("-")
    return int(milliseconds) * 1000 + int(serial)
