"""The Lua scripts of the sweep's queue. Each moves a target between the keys that `queue` describes, atomically.

A target's rank in the queue: when it was served last, plus ten seconds for each doubling of its responses since its
last check. So what many clients get goes before what one client requests once. A target that has not been served since
comes after all of those, and there the one that has waited longest first: its rank is minus the time it was due.
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
local function drop(key, first, last)
  local dropped = redis.call('ZRANGE', key, first, last)
  for _, member in ipairs(dropped) do
    redis.call('ZREM', key, member)
    redis.call('HDEL', KEYS[3], redis.sha1hex(member))
  end
  return #dropped
end
"""

REPORT = (
    _STATE
    + """
-- KEYS: queue, later, state, budget.
-- ARGV: requests that these responses allow, budget limit, queue limit, sees_hits; then member, served at, views
local budget = tonumber(redis.call('INCRBYFLOAT', KEYS[4], ARGV[1]))
if budget > tonumber(ARGV[2]) then redis.call('SET', KEYS[4], ARGV[2]) end
for i = 5, #ARGV, 3 do
  local member, at = ARGV[i], tonumber(ARGV[i + 1])
  local views, served, idle, wake = read(member)
  views, served = views + tonumber(ARGV[i + 2]), math.max(served or at, at)
  local due = redis.call('ZSCORE', KEYS[2], member)
  write(member, views, served, idle, wake and due)
  if wake or not due then
    redis.call('ZREM', KEYS[2], member)
    redis.call('ZADD', KEYS[1], 'GT', rank(ARGV[4], views, served, served), member)
  end
end
return drop(KEYS[1], 0, -ARGV[3] - 1)
"""
)

TAKE = (
    _STATE
    + """
-- KEYS: queue, later, state. ARGV: count, lease, sees_hits. Answers with member, served at, views, idle, rank of each
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
  local views, served, idle = read(member)
  if not served then -- queued by a version without the state
    views, served = 1, math.abs(tonumber(popped[i + 1]))
  end
  write(member, views, served, idle, false)
  redis.call('ZADD', KEYS[2], now + ARGV[2], member)
  for _, value in ipairs({member, string.format('%.3f', served), views, idle, popped[i + 1]}) do
    answer[#answer + 1] = tostring(value)
  end
end
return answer
"""
)

PUT_BACK = """
-- KEYS: queue, later. ARGV: member, rank of each
for i = 1, #ARGV, 2 do
  redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('ZADD', KEYS[1], 'GT', ARGV[i + 1], ARGV[i])
end
"""

SCHEDULE = (
    _STATE
    + """
-- KEYS: queue, later, state. ARGV: member, time, limit, views that the check was for, idle, wake, served at
local views, served, _, wake = read(ARGV[1])
write(ARGV[1], math.max(0, views - ARGV[4]), served or ARGV[7], ARGV[5], ARGV[6] == '1')
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return drop(KEYS[2], tonumber(ARGV[3]), -1)
"""
)

FORGET = """
-- KEYS: queue, later, state. ARGV: member
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], redis.sha1hex(ARGV[1]))
"""

LENGTH = """
-- KEYS: queue, later
local time = redis.call('TIME')
return redis.call('ZCARD', KEYS[1]) + redis.call('ZCOUNT', KEYS[2], '-inf', time[1] + time[2] / 1000000)
"""

REQUEST_PERMISSION = """
-- The bucket holds the tokens of one second, at least one. A refusal takes nothing from it or from the budget.
-- KEYS: budget, bucket of the host. ARGV: requests per second, whether the budget counts (1 or 0)
if ARGV[2] == '1' and tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 'share' end
local time = redis.call('TIME')
local now, rate = time[1] + time[2] / 1000000, tonumber(ARGV[1])
local capacity = math.max(rate, 1)
local tokens, at = string.match(redis.call('GET', KEYS[2]) or '', '(%S+) (%S+)')
tokens = tokens and math.min(capacity, tokens + (now - at) * rate) or capacity
if tokens < 1 then return 'host' end
redis.call('SET', KEYS[2], string.format('%.6f %.6f', tokens - 1, now), 'EX', math.ceil(capacity / rate) + 1)
if ARGV[2] == '1' then redis.call('INCRBYFLOAT', KEYS[1], -1) end
return 'go'
"""
