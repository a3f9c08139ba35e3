"""The Lua scripts of membership.py. Each runs atomically in the store.

The hash of replicas: name ->
  "<version> <the server's time of the heartbeat> <flush request that is acknowledged> <flush request that is judged>
   <unjudged> <time since when the oldest of those is, or 0> <requests under way> <pending requests> <hosts of the
   unjudged ones, percent-encoded, with commas; or -> <flush request that is settled> <stuck requests> <unjudged at
   other hosts than those> <lease clock at the heartbeat> <journal, or ->"
The journal is always last. With a minus before the lease clock, the process has ended.
Processes of earlier versions leave out the last eleven, the pending ones, the hosts, what is between those and the
journal, or the lease clock.

The history of the store is a hash: "id" is a random number, written at first use. "replaced:<id>" says how an earlier
history was replaced (see replication/store_loss.py). "clock" is the lease clock, and "clock_at" the server's time when
it was set. "members" counts how often a replica came on record or left it: who knows the names reads them again when it
has changed.

The replicas that have left are a sorted set: name -> lease clock. Whoever remembers a replica that a restored store
does not know puts it on record again (RESTORE), but not if it is among these.

The lease clock goes on with each heartbeat of any replica (store/lease_clock.py).
"""

from edgeward.lists.lua_scripts import RESTORE_VERSION
from edgeward.store.lease_clock import lease_clock

HEARTBEAT_SECONDS = 0.5
MAX_CLOCK_GAP = 1.0
"""Seconds between two heartbeats of any replicas that are taken as time that has passed."""
MAX_RECORDS = 1000
"""Replicas on record, unless more are live. Of more, that which has not been heard from for longest is dropped."""
TAKE_OVER_SECONDS = 30.0
"""By then another worker of the machine has taken over the journal of one that has ended, if there is one."""
DROPPED_AFTER_SECONDS = 60.0
"""None that was heard from later is dropped."""
MAX_LEFT = 2000
"""Replicas that have left, of which the names are kept."""

# state_of: "live", "silent" (its lease is over and it has not ended), "ended" or "forgotten", and seconds since its
# last heartbeat or its end. Silent ones of earlier versions are forgotten too: nobody can say that they have ended.
_MEMBERS = (
    lease_clock(MAX_CLOCK_GAP, HEARTBEAT_SECONDS)
    + """
local function fields_of(value)
  local fields = {}
  for field in string.gmatch(value, '%S+') do fields[#fields + 1] = field end
  return fields
end
local function state_of(fields, clock, now, lease, forget)
  local beat = #fields > 13 and tonumber(fields[13])
  local age = beat and clock - math.abs(beat) or now - tonumber(fields[2])
  local ended = beat and beat < 0
  if age <= lease and not ended then return 'live', age end
  if age > forget and (ended or not beat) then return 'forgotten', age end
  return ended and 'ended' or 'silent', age
end
"""
)

# note_left: these are off the record, or were never on it; `history`, `left` are keys.
_LEAVING = f"""
local function note_left(history, left, clock, names)
  for _, name in ipairs(names) do redis.call('ZADD', left, string.format('%.6f', clock), name) end
  redis.call('ZREMRANGEBYRANK', left, 0, -{MAX_LEFT + 1})
  redis.call('HINCRBY', history, 'members', #names)
end
"""

# has_lost: whether the store has an older state than that in which it gave this lease clock to the replica. It was
# restored then, or another server took over, unless the replica was taken off the record.
_LOST = """
local function has_lost(value, clock, left, name)
  if clock == '' then return false end
  if not value then return not redis.call('ZSCORE', left, name) end
  return math.abs(tonumber(fields_of(value)[13] or 0)) < tonumber(clock)
end
"""

# KEYS: replicas, version, changes, history, flush requests, replicas that have left
# ARGV: name, version to report, version applied, flush request acknowledged, flush request judged, number of unjudged,
# id for a store without a history, id of the history that is asked for, age of the oldest unjudged in seconds, number
# of requests under way, number of pending requests, hosts of the unjudged ones, journal, flush request settled, number
# of stuck requests, number of unjudged at other hosts, when the applied change was made as far as the replica knows,
# the lease clock of its last heartbeat that was answered, or ''
# -> {the store's version, when the applied change was made, id of its history, how the other one was replaced, the
# server's time, the replica that was dropped for this one, the lease clock, the number of comings and goings}
# -> {} and nothing is done, if the store has lost that last heartbeat
HEARTBEAT = (
    RESTORE_VERSION
    + _MEMBERS
    + _LEAVING
    + _LOST
    + f"""
restore_version(KEYS[2], KEYS[3])
local before = redis.call('HGET', KEYS[1], ARGV[1])
if has_lost(before, ARGV[18], KEYS[6], ARGV[1]) then return {{}} end
local clock, now = lease_clock(KEYS[4])
set_lease_clock(KEYS[4], clock, now)
local newest = redis.call('GET', KEYS[2]) or '0'
local at = false
if tonumber(ARGV[3]) > 0 then
  local id = ARGV[3] .. '-0'
  for _, change in ipairs(redis.call('XRANGE', KEYS[3], id, id)) do
    for i = 1, #change[2], 2 do
      if change[2][i] == 'at' then at = change[2][i + 1] end
    end
  end
end
local reported, acknowledged, judged, settled = ARGV[2], ARGV[4], ARGV[5], ARGV[14]
if reported == '-1' then
  -- All flush requests until now.
  reported, acknowledged = newest, '0'
  for _, request in ipairs(redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', 1)) do
    local milliseconds, serial = string.match(request[1], '(%d+)-(%d+)')
    acknowledged = string.format('%.0f', milliseconds * 1000 + serial)
  end
  -- It may have to judge what a killed process left.
  if ARGV[6] == '0' then judged, settled = acknowledged, acknowledged end
elseif at and ARGV[17] ~= '' and tonumber(at) ~= tonumber(ARGV[17]) then
  -- It has applied another change of this version, of a history that the store lost.
  reported = '-2'
end
local since = ARGV[6] == '0' and '0' or string.format('%.3f', now - tonumber(ARGV[9]))
local dropped, oldest = false, {DROPPED_AFTER_SECONDS}
if redis.call('HLEN', KEYS[1]) >= {MAX_RECORDS} and not before then
  local replicas = redis.call('HGETALL', KEYS[1])
  for i = 1, #replicas, 2 do
    local _, age = state_of(fields_of(replicas[i + 1]), clock, now, 0, 0)
    if age > oldest then dropped, oldest = replicas[i], age end
  end
  if dropped then
    redis.call('HDEL', KEYS[1], dropped)
    note_left(KEYS[4], KEYS[6], clock, {{dropped}})
  end
end
if not before then
  redis.call('HINCRBY', KEYS[4], 'members', 1)
  redis.call('ZREM', KEYS[6], ARGV[1])
end
redis.call('HSET', KEYS[1], ARGV[1],
  table.concat({{reported, string.format('%.6f', now), acknowledged, judged, ARGV[6], since, ARGV[10], ARGV[11],
    ARGV[12], settled, ARGV[15], ARGV[16], string.format('%.6f', clock), ARGV[13]}}, ' '))
if redis.call('HEXISTS', KEYS[4], 'id') == 0 then redis.call('HSET', KEYS[4], 'id', ARGV[7]) end
local history = redis.call('HMGET', KEYS[4], 'id', 'replaced:' .. ARGV[8], 'members')
return {{tonumber(newest), at, history[1], history[2], string.format('%.6f', now), dropped,
  string.format('%.6f', clock), tonumber(history[3] or 0)}}
"""
)

# A replica that reports a version which the store has never had outlived a loss of data: it lags too. So does the one
# that asks, if the store has lost its last heartbeat: it may know of others that the store has lost too.
# KEYS: replicas, history, version, replicas that have left
# ARGV: lease in seconds, seconds until a replica is forgotten, version, flush request, the replica that asks or '', the
# lease clock of its last heartbeat that was answered, or ''
# -> names of live replicas that have not applied the version, or not acknowledged the flush request; the same of silent
# ones, each followed by seconds since its last heartbeat
LAGGARDS = (
    _MEMBERS
    + _LOST
    + """
local clock, now = lease_clock(KEYS[2])
local newest = tonumber(redis.call('GET', KEYS[3]) or 0)
local late, silent = {}, {}
if has_lost(redis.call('HGET', KEYS[1], ARGV[5]), ARGV[6], KEYS[4], '') then late[1] = ARGV[5] end
local replicas = redis.call('HGETALL', KEYS[1])
for i = 1, #replicas, 2 do
  local fields = fields_of(replicas[i + 1])
  local state, age = state_of(fields, clock, now, tonumber(ARGV[1]), tonumber(ARGV[2]))
  local reported = tonumber(fields[1])
  local lags = reported < tonumber(ARGV[3]) or reported > newest
    or (tonumber(fields[3]) or 0) < tonumber(ARGV[4])
  if state == 'forgotten' then
    redis.call('HDEL', KEYS[1], replicas[i])
  elseif lags and state == 'live' and replicas[i] ~= late[1] then
    late[#late + 1] = replicas[i]
  elseif lags and state == 'silent' then
    silent[#silent + 1] = replicas[i]
    silent[#silent + 1] = string.format('%.3f', age)
  end
end
return {late, silent}
"""
)

# A live replica counts if it has not judged all up to the flush request, or with a time if what is unjudged there is
# that old; another one if it has a journal, in which something may be under way. One of an earlier version can't say.
# KEYS: replicas, history. ARGV: lease in seconds, seconds until a replica is forgotten, flush request, or '' and a time
# -> by such replica: its name; how many responses are unjudged as far as it has said (0: it has named none); 1 if
# nobody need wait for it, as it has settled the flush request (then those are the stuck ones, and the others are newer)
# or was not heard from for long; 1 if all are at the hosts that it names, else 0; those hosts as in its heartbeat
UNJUDGED = (
    _MEMBERS
    + f"local take_over_seconds = {TAKE_OVER_SECONDS}\n"
    + """
local clock, now = lease_clock(KEYS[2])
local before = tonumber(ARGV[4])
local found = {}
local replicas = redis.call('HGETALL', KEYS[1])
for i = 1, #replicas, 2 do
  local fields = fields_of(replicas[i + 1])
  local seen, unjudged = tonumber(fields[2]), tonumber(fields[5])
  local state, age = state_of(fields, clock, now, tonumber(ARGV[1]), tonumber(ARGV[2]))
  local settled, counts = 0
  local names_hosts = #fields > 12 and tonumber(fields[12]) == 0
  if state == 'live' and before then
    counts = unjudged ~= 0 and (tonumber(fields[6]) or 0) < before
  elseif state == 'live' then
    counts = (tonumber(fields[4]) or 0) < tonumber(ARGV[3])
    if #fields > 12 and tonumber(fields[10]) >= tonumber(ARGV[3]) then
      settled, unjudged = 1, math.max(1, tonumber(fields[11]))
    end
    -- Else some may have broken off since this heartbeat.
    names_hosts = names_hosts and settled == 1
  elseif state ~= 'forgotten' then
    local since = unjudged and unjudged > 0 and tonumber(fields[6]) or seen
    unjudged = tonumber(fields[7]) or unjudged or 0
    -- Its last heartbeat may be older than its last request.
    local may_have = #fields > 7 and fields[#fields] ~= '-'
    counts = (unjudged > 0 or may_have) and (not before or since < before)
    if age > take_over_seconds then settled = 1 end
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
)

# KEYS: replicas, history. ARGV: lease in seconds -> how many requests are pending in live replicas
PENDING = (
    _MEMBERS
    + """
local clock, now = lease_clock(KEYS[2])
local count = 0
for _, value in ipairs(redis.call('HVALS', KEYS[1])) do
  local fields = fields_of(value)
  if #fields > 8 and state_of(fields, clock, now, tonumber(ARGV[1]), 0) == 'live' then
    count = count + tonumber(fields[8])
  end
end
return count
"""
)

# What is left in the journal of a process that has ended counts as unjudged; one that has none is forgotten.
# KEYS: replicas, history, replicas that have left
# ARGV: number of requests under way, '' if it is not known; names
END = (
    _MEMBERS
    + _LEAVING
    + """
local clock = lease_clock(KEYS[2])
local left = {}
for i = 2, #ARGV do
  local value = redis.call('HGET', KEYS[1], ARGV[i])
  local fields = value and fields_of(value)
  if fields and (ARGV[1] == '0' or #fields < 14 or fields[#fields] == '-' and ARGV[1] == '') then
    redis.call('HDEL', KEYS[1], ARGV[i])
    left[#left + 1] = ARGV[i]
  elseif not fields then
    -- Of a record that was lost: whoever remembers it must not put it back.
    left[#left + 1] = ARGV[i]
  else
    if ARGV[1] ~= '' then fields[7] = ARGV[1] end
    if tonumber(fields[13]) >= 0 then fields[13] = string.format('%.6f', -clock) end
    redis.call('HSET', KEYS[1], ARGV[i], table.concat(fields, ' '))
  end
end
note_left(KEYS[2], KEYS[3], clock, left)
"""
)

# KEYS: replicas. ARGV: journals
FORGET_JOURNALS = """
local journals = {}
for _, journal in ipairs(ARGV) do journals[journal] = true end
local replicas = redis.call('HGETALL', KEYS[1])
for i = 1, #replicas, 2 do
  if journals[string.match(replicas[i + 1], '%S+$')] then redis.call('HDEL', KEYS[1], replicas[i]) end
end
"""

# KEYS: replicas, history, replicas that have left
# ARGV: lease in seconds, names -> those that were forgotten: one that is live is not
FORGET = (
    _MEMBERS
    + _LEAVING
    + """
local clock, now = lease_clock(KEYS[2])
local forgotten = {}
for i = 2, #ARGV do
  local value = redis.call('HGET', KEYS[1], ARGV[i])
  if value and state_of(fields_of(value), clock, now, tonumber(ARGV[1]), 0) ~= 'live' then
    redis.call('HDEL', KEYS[1], ARGV[i])
    forgotten[#forgotten + 1] = ARGV[i]
  end
end
note_left(KEYS[2], KEYS[3], clock, forgotten)
return forgotten
"""
)

# Each is live for a lease, in which it can be heard from, and silent after that; it is behind whatever is waited for.
# KEYS: replicas, history, replicas that have left. ARGV: names, each followed by its journal, or -
# -> those of them that were not on record and are now
RESTORE = (
    _MEMBERS
    + f"""
local clock, now = lease_clock(KEYS[2])
local restored = {{}}
for i = 1, #ARGV, 2 do
  local name = ARGV[i]
  if redis.call('HLEN', KEYS[1]) < {MAX_RECORDS} and redis.call('HEXISTS', KEYS[1], name) == 0
    and not redis.call('ZSCORE', KEYS[3], name) then
    local beat = string.format('%.6f', now)
    redis.call('HSET', KEYS[1], name, table.concat({{'-2', beat, '0', '0', '0', '0', '0', '0', '-', '0', '0', '0',
      string.format('%.6f', clock), ARGV[i + 1]}}, ' '))
    restored[#restored + 1] = name
  end
end
redis.call('HINCRBY', KEYS[2], 'members', #restored)
return restored
"""
)

# KEYS: replicas, history. ARGV: lease in seconds, seconds until a replica is forgotten
# -> of each replica its name, the version that it reported, its age in seconds and its state, one after the other
MEMBERS = (
    _MEMBERS
    + """
local clock, now = lease_clock(KEYS[2])
local found = {}
local replicas = redis.call('HGETALL', KEYS[1])
for i = 1, #replicas, 2 do
  local fields = fields_of(replicas[i + 1])
  local state, age = state_of(fields, clock, now, tonumber(ARGV[1]), tonumber(ARGV[2]))
  if state ~= 'forgotten' then
    for _, each in ipairs({replicas[i], fields[1], string.format('%.3f', age), state}) do
      found[#found + 1] = each
    end
  end
end
return found
"""
)
