"""The Lua scripts of the sweep's queue. Each moves a target between the keys that `queue` describes, atomically.

A target's rank in the queue: when it was served last, plus ten seconds for each doubling of its responses since its
last check. So what many clients get goes before what one client requests once. A target that has not been served since
comes after all of those, and there the one that has waited longest first: its rank is minus the time it was due.

A long target is stored once, and its member has its digest. All long ones together have a limit in bytes: beyond it
those of the lowest rank are forgotten, and counted.
"""

_STATE = """
local function read(member)
  local text = redis.call('HGET', KEYS[3], redis.sha1hex(member))
  if not text then return 0, nil, 0, false end
  local views, served, idle, wake = string.match(text, '(%S+) (%S+) (%S+) (%S+)')
  return tonumber(views), tonumber(served), tonumber(idle), wake == '1'
end
local function write(member, views, served, idle, wake)
  local text = string.format('%d %.3f %d %d', views, served, idle, wake and 1 or 0)
  redis.call('HSET', KEYS[3], redis.sha1hex(member), text)
end
local function rank(sees_hits, views, served, due)
  if sees_hits == '1' and views > 0 then return served + 10 * math.log(views) / math.log(2) end
  return -due
end
local function is_long(member) return #member == 33 and string.byte(member, 17) == 255 end
local function forget(member)
  redis.call('ZREM', KEYS[1], member)
  redis.call('ZREM', KEYS[2], member)
  redis.call('HDEL', KEYS[3], redis.sha1hex(member))
  if not is_long(member) then return end
  redis.call('ZREM', KEYS[4], member)
  local size = redis.call('HSTRLEN', KEYS[5], member)
  redis.call('HDEL', KEYS[5], member)
  redis.call('DECRBY', KEYS[6], size)
end
local function drop(key, first, last)
  local dropped = redis.call('ZRANGE', key, first, last)
  for _, member in ipairs(dropped) do forget(member) end
  return #dropped
end
-- Store a long target. Answers whether it is stored, and how many were forgotten for it, itself included.
local function keep(member, target, at, limit)
  if not is_long(member) then return true, 0 end
  if redis.call('HSETNX', KEYS[5], member, target) == 1 then redis.call('INCRBY', KEYS[6], #target) end
  redis.call('ZADD', KEYS[4], 'GT', at, member)
  local dropped = 0
  while tonumber(redis.call('GET', KEYS[6]) or 0) > tonumber(limit) do
    local lowest = redis.call('ZRANGE', KEYS[4], 0, 0)[1]
    if not lowest then
      redis.call('DEL', KEYS[6])
      break
    end
    forget(lowest)
    dropped = dropped + 1
  end
  return redis.call('HEXISTS', KEYS[5], member) == 1, dropped
end
"""

REPORT = (
    _STATE
    + """
-- KEYS: queue, later, state, long, targets, bytes, budget.
-- ARGV: requests that these responses allow, budget limit, queue limit, sees_hits, limit in bytes; then member, long
-- target, served at, views
local budget = tonumber(redis.call('INCRBYFLOAT', KEYS[7], ARGV[1]))
if budget > tonumber(ARGV[2]) then redis.call('SET', KEYS[7], ARGV[2]) end
local dropped = 0
for i = 6, #ARGV, 4 do
  local member, at = ARGV[i], tonumber(ARGV[i + 2])
  local views, served, idle, wake = read(member)
  views, served = views + tonumber(ARGV[i + 3]), math.max(served or at, at)
  local kept, forgotten = keep(member, ARGV[i + 1], rank('1', views, served), ARGV[5])
  dropped = dropped + forgotten
  if kept then
    local due = redis.call('ZSCORE', KEYS[2], member)
    write(member, views, served, idle, wake and due)
    if wake or not due then
      redis.call('ZREM', KEYS[2], member)
      redis.call('ZADD', KEYS[1], 'GT', rank(ARGV[4], views, served, served), member)
    end
  end
end
return dropped + drop(KEYS[1], 0, -ARGV[3] - 1)
"""
)

TAKE = (
    _STATE
    + """
-- KEYS: queue, later, state, long, targets, bytes. ARGV: count, lease, sees_hits.
-- Answers with member, long target or '', served at, views, idle, rank of each
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1000)
for i = 1, #due, 2 do
  local views, served, idle = read(due[i])
  redis.call('ZREM', KEYS[2], due[i])
  redis.call('ZADD', KEYS[1], rank(ARGV[3], views, served or 0, tonumber(due[i + 1])), due[i])
end
local answer = {}
local popped = redis.call('ZPOPMAX', KEYS[1], ARGV[1])
for i = 1, #popped, 2 do
  local member = popped[i]
  local target = is_long(member) and redis.call('HGET', KEYS[5], member) or ''
  if is_long(member) and target == '' then -- the store has evicted it
    forget(member)
  else
    local views, served, idle = read(member)
    if not served then -- queued by a version without the state
      views, served = 1, math.abs(tonumber(popped[i + 1]))
    end
    write(member, views, served, idle, false)
    redis.call('ZADD', KEYS[2], now + ARGV[2], member)
    for _, value in ipairs({member, target, string.format('%.3f', served), views, idle, popped[i + 1]}) do
      answer[#answer + 1] = tostring(value)
    end
  end
end
return answer
"""
)

PUT_BACK = (
    _STATE
    + """
-- KEYS: queue, later, state, long, targets, bytes. ARGV: limit in bytes; then member, long target, served at, rank
local dropped = 0
for i = 2, #ARGV, 4 do
  local kept, forgotten = keep(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[1])
  dropped = dropped + forgotten
  redis.call('ZREM', KEYS[2], ARGV[i])
  if kept then redis.call('ZADD', KEYS[1], 'GT', ARGV[i + 3], ARGV[i]) end
end
return dropped
"""
)

SCHEDULE = (
    _STATE
    + """
-- KEYS: queue, later, state, long, targets, bytes.
-- ARGV: member, time, limit, views that the check was for, idle, wake, served at, long target, limit in bytes
local views, served, _, wake = read(ARGV[1])
local kept, dropped = keep(ARGV[1], ARGV[8], served or ARGV[7], ARGV[9])
redis.call('ZREM', KEYS[1], ARGV[1])
if kept then
  write(ARGV[1], math.max(0, views - ARGV[4]), served or ARGV[7], ARGV[5], ARGV[6] == '1')
  redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
end
return dropped + drop(KEYS[2], tonumber(ARGV[3]), -1)
"""
)

FORGET = (
    _STATE
    + """
-- KEYS: queue, later, state, long, targets, bytes. ARGV: member
forget(ARGV[1])
"""
)

LENGTH = """
-- KEYS: queue, later
local time = redis.call('TIME')
return redis.call('ZCARD', KEYS[1]) + redis.call('ZCOUNT', KEYS[2], '-inf', time[1] + time[2] / 1000000)
"""

REQUEST_PERMISSION = """
-- The bucket holds the tokens of one second, at least one. A refusal takes nothing from it or from the budget.
-- KEYS: budget, bucket of the host. ARGV: requests per second, whether the budget counts (1 or 0), 1: charge whatever
-- the limits are
local forced = ARGV[3] == '1'
if not forced and ARGV[2] == '1' and tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 'share' end
local time = redis.call('TIME')
local now, rate = time[1] + time[2] / 1000000, tonumber(ARGV[1])
local capacity = math.max(rate, 1)
local tokens, at = string.match(redis.call('GET', KEYS[2]) or '', '(%S+) (%S+)')
tokens = tokens and math.min(capacity, tokens + (now - at) * rate) or capacity
if tokens < 1 and not forced then return 'host' end
local seconds = math.ceil((capacity - tokens + 1) / rate) + 1
redis.call('SET', KEYS[2], string.format('%.6f %.6f', tokens - 1, now), 'EX', seconds)
if ARGV[2] == '1' then redis.call('INCRBYFLOAT', KEYS[1], -1) end
return 'go'
"""
