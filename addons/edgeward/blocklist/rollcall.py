"""Which replicas are alive, and what version each has applied: how an acknowledged change is known to act everywhere.

A replica calls in at least every BEAT_SECONDS; one that was not heard from for LEASE_SECONDS is not waited for any
more. All times are the store's own, so the clocks of the machines do not matter.

Replicas can also be asked to put on record what they know. A question is known by the time at which it was asked, in
microseconds: who has answered it says so with the next call.
"""

from dataclasses import dataclass
from typing import Any

from edgeward.store.connection import Store

BEAT_SECONDS = 0.5
LEASE_SECONDS = 2.0
FORGET_SECONDS = 600.0
QUESTIONS = 100
"""Questions that are kept: an answer to the last one answers all."""
LOADING = -1
"""Said by a replica that is not ready, and will not be before it has applied all that the store holds at this moment.
It need not be waited for any longer than that: it lets nothing through."""
ASTRAY = -2
"""Said by a replica that acts on lists which are not the store's: every change waits for it."""

_BEAT = """
-- name, version to report, version that is applied, question that is answered
-- -> {the store's version, when the applied change was made}
local time = redis.call('TIME')
local newest = redis.call('GET', KEYS[2]) or '0'
local applied, answered = ARGV[2], ARGV[4]
if applied == '-1' then
  -- All questions but those of this millisecond: one of them may be asked after this.
  applied, answered = newest, string.format('%.0f', (time[1] * 1000 + math.floor(time[2] / 1000)) * 1000 - 1)
end
local seen = time[1] .. '.' .. string.format('%06d', time[2])
redis.call('HSET', KEYS[1], ARGV[1], applied .. ' ' .. seen .. ' ' .. answered)
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

_LAGGARDS = """
-- version, lease, seconds until one is forgotten, question -> names of live replicas that have not applied the version,
-- or not answered the question. One that claims a version which the store has never had lived through a loss of data:
-- it lags too.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local newest = tonumber(redis.call('GET', KEYS[2]) or 0)
local names = {}
local calls = redis.call('HGETALL', KEYS[1])
for i = 1, #calls, 2 do
  local applied, seen, answered = string.match(calls[i + 1], '(%S+) (%S+) ?(%S*)')
  local age = now - tonumber(seen)
  applied = tonumber(applied)
  if age > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], calls[i])
  elseif age <= tonumber(ARGV[2]) and (applied < tonumber(ARGV[1]) or applied > newest
      or (tonumber(answered) or 0) < tonumber(ARGV[4])) then
    names[#names + 1] = calls[i]
  end
end
return names
"""

_PRESENT = """
-- lease -> name, reported version and age of each live replica, one after the other
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local found = {}
local calls = redis.call('HGETALL', KEYS[1])
for i = 1, #calls, 2 do
  local reported, seen = string.match(calls[i + 1], '(%S+) (%S+)')
  local age = now - tonumber(seen)
  if age <= tonumber(ARGV[1]) then
    found[#found + 1] = calls[i]
    found[#found + 1] = reported
    found[#found + 1] = string.format('%.3f', age)
  end
end
return found
"""


@dataclass(frozen=True, slots=True)
class Beat:
    """The store's answer to a call: its newest version, and when it made the change that the caller applied last.

    `at` is in Unix seconds; None where the caller has applied nothing, or the store does not have that change any more.
    """

    version: int
    at: float | None


@dataclass(frozen=True, slots=True, order=True)
class Presence:
    """A live replica: the version that it reported last, or ASTRAY, and how many seconds ago."""

    id: str
    version: int
    age: float


class RollCall:
    """The replicas that have called in."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._replicas = store.key("{blocklist}", "replicas")
        self._keys = (self._replicas, store.key("{blocklist}", "version"), store.key("{blocklist}", "changes"))
        self.questions = store.key("{blocklist}", "questions")

    async def beat(self, name: str, reported: int, applied: int | None = None, answered: int = 0) -> Beat:
        """Call in as `name`, with the version to report, LOADING or ASTRAY; the one applied, if it is ahead; and the
        last question that is answered."""
        applied = reported if applied is None else applied
        version, at = await self._store.run(_BEAT, self._keys, (name, reported, applied, answered))
        return Beat(version, float(at) if at else None)

    async def present(self) -> list[Presence]:
        """The replicas that are alive, by name."""
        calls = await self._store.run(_PRESENT, self._keys[:1], (LEASE_SECONDS,))
        named = zip(calls[::3], calls[1::3], calls[2::3], strict=True)
        return sorted(Presence(name.decode(), int(version), float(age)) for name, version, age in named)

    async def leave(self, name: str) -> None:
        """Sign off: `name` is not waited for any more."""
        await self._store.redis.hdel(self._replicas, name)

    async def laggards(self, version: int, question: int = 0) -> list[str]:
        """Names, sorted, of the live replicas that may let something through by lists older than `version`, or have
        not answered a question."""
        names = await self._store.run(_LAGGARDS, self._keys, (version, LEASE_SECONDS, FORGET_SECONDS, question))
        return sorted(name.decode() for name in names)

    async def ask(self) -> int:
        """Ask all replicas to put on record what they know by now. Returns the question."""
        added: Any = await self._store.redis.xadd(self.questions, {"": ""}, maxlen=QUESTIONS)
        return question_of(added)


def question_of(record_id: bytes) -> int:
    """The question that a record of the stream is: when it was asked. Those of one millisecond are told apart."""
    milliseconds, _, number = record_id.decode().partition("-")
    return int(milliseconds) * 1000 + int(number)
