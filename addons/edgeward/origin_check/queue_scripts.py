"""The Lua scripts of the sweep's queue. Each moves a target between the keys that `queue` describes, atomically.

Each host has a queue of its own, and hosts take turns. A target's rank in its host's queue: when it was served last,
plus ten seconds for each doubling of its responses since its last check. So of what is served equally often the one
whose check is the longest ago goes first, and what many clients get before what one client requests once. A target that
has not been served since comes after all of those, and there the one that has waited longest first: its rank is minus
the time it was due.

A long target is stored once, and its member has its digest. All long ones together have a limit in bytes: beyond it
those of the lowest rank are forgotten, and counted.
"""

# Every script has these as its first keys: queue, later, state, long, targets, bytes, hosts. The queues of hosts are
# named after the first. All of them share a {hash tag}.
_STATE = """
local function now()
  local time = redis.call('TIME')
  return time[1] + time[2] / 1000000
end
local function read(member)
  local text = redis.call('HGET', KEYS[3], redis.sha1hex(member))
  if not text then return 0, nil, 0, false, '' end
  local views, served, idle, wake, host = string.match(text, '^(%S+) (%S+) (%S+) (%S+) ?(.*)$')
  -- Later than now: before the clock was set back. It must not go before all that is served from now on.
  return tonumber(views), math.min(tonumber(served), now()), tonumber(idle), wake == '1', host
end
local function write(member, views, served, idle, wake, host)
  local text = string.format('%d %.3f %d %d %s', views, served, idle, wake and 1 or 0, host)
  redis.call('HSET', KEYS[3], redis.sha1hex(member), text)
end
-- What an older version queued, or reported, has no host: it is in the first key itself.
local function queue_of(host) return host == '' and KEYS[1] or KEYS[1] .. ':' .. host end
local function enqueue(member, host, rank)
  redis.call('ZADD', queue_of(host), 'GT', rank, member)
  redis.call('ZADD', KEYS[7], 'NX', now(), host)
end
local function rank(sees_hits, views, served, due)
  if sees_hits == '1' and views > 0 then return served + 10 * math.log(views) / math.log(2) end
  return -due
end
local function is_long(member) return #member == 33 and string.byte(member, 17) == 255 end
local function forget(member)
  local _, _, _, _, host = read(member)
  redis.call('ZREM', queue_of(host), member)
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
-- Drop what is queued beyond the limit, of the host with the most.
local function drop_queued(limit)
  local excess = redis.call('HLEN', KEYS[3]) - redis.call('ZCARD', KEYS[2]) - limit
  if excess <= 0 then return 0 end
  local longest, most = KEYS[1], redis.call('ZCARD', KEYS[1])
  for _, host in ipairs(redis.call('ZRANGE', KEYS[7], 0, -1)) do
    local count = redis.call('ZCARD', queue_of(host))
    if count > most then longest, most = queue_of(host), count end
  end
  return drop(longest, 0, excess - 1)
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

_TOKENS = """
-- What is in a host's bucket now, and how much it holds: the tokens of one second, at least one.
local function tokens_in(bucket, rate, time)
  local capacity = math.max(rate, 1)
  local tokens, at = string.match(redis.call('GET', bucket) or '', '(%S+) (%S+)')
  -- One whose time lies ahead is from before the clock was set back: how long ago that was is not known.
  if not tokens or tonumber(at) > time then return capacity, capacity end
  return math.min(capacity, tokens + (time - at) * rate), capacity
end
"""

REPORT = (
    _STATE
    + """
-- KEYS: queue, later, state, long, targets, bytes, hosts, budget.
-- ARGV: requests that these responses allow, budget limit, queue limit, sees_hits, limit in bytes; then member, long
-- target, seconds since it was served, views, host
local budget = tonumber(redis.call('INCRBYFLOAT', KEYS[8], ARGV[1]))
if budget > tonumber(ARGV[2]) then redis.call('SET', KEYS[8], ARGV[2]) end
local dropped, time = 0, now()
for i = 6, #ARGV, 5 do
  local member, at = ARGV[i], time - ARGV[i + 2]
  local views, served, idle, wake = read(member)
  views, served = views + tonumber(ARGV[i + 3]), math.max(served or at, at)
  local kept, forgotten = keep(member, ARGV[i + 1], rank('1', views, served), ARGV[5])
  dropped = dropped + forgotten
  if kept then
    local due = redis.call('ZSCORE', KEYS[2], member)
    write(member, views, served, idle, wake and due, ARGV[i + 4])
    if wake or not due then
      redis.call('ZREM', KEYS[2], member)
      enqueue(member, ARGV[i + 4], rank(ARGV[4], views, served, served))
    end
  end
end
return dropped + drop_queued(tonumber(ARGV[3]))
"""
)

TAKE = (
    _STATE
    + _TOKENS
    + """
-- Hosts take turns, one target each, those first whose turn is the longest ago. One that is over its rate gives one
-- target nevertheless: it will be refused, which slows the host's pace down.
-- If the clock was set back, all that is to come is due, and all hosts have their turn: by what was noted before they
-- would wait for the length of the step.
-- KEYS: queue, later, state, long, targets, bytes, hosts, clock.
-- ARGV: count, lease, sees_hits, requests per second of a host (0: any number), prefix of buckets, most of a host,
-- hosts to visit; then hosts to leave out (after '-'), and those of which none is wanted beyond their rate (after '=').
-- Answers with member, long target or '', served at, views, idle, rank of each
local time, count, rate = now(), tonumber(ARGV[1]), tonumber(ARGV[4])
if tonumber(redis.call('GET', KEYS[8]) or 0) > time + 1 then
  redis.call('ZUNIONSTORE', KEYS[2], 1, KEYS[2], 'WEIGHTS', 0)
  redis.call('ZUNIONSTORE', KEYS[7], 1, KEYS[7], 'WEIGHTS', 0)
end
redis.call('SET', KEYS[8], string.format('%.3f', time))
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', time, 'WITHSCORES', 'LIMIT', 0, 1000)
for i = 1, #due, 2 do
  local views, served, _, _, host = read(due[i])
  redis.call('ZREM', KEYS[2], due[i])
  enqueue(due[i], host, rank(ARGV[3], views, served or 0, tonumber(due[i + 1])))
end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('ZADD', KEYS[7], 'NX', 0, '') end
local named, turns, answer = {}, {}, {}
for i = 8, #ARGV do named[ARGV[i]] = true end
for _, host in ipairs(redis.call('ZRANGE', KEYS[7], 0, ARGV[7] - 1)) do
  redis.call('ZADD', KEYS[7], time, host)
  if not named['-' .. host] then
    local most = tonumber(ARGV[6])
    if rate > 0 then
      local tokens = math.max(0, math.floor((tokens_in(ARGV[5] .. host, rate, time))))
      most = math.min(most, tokens + (named['=' .. host] and 0 or 1))
    end
    turns[#turns + 1] = {host, most}
  end
end
local function give(host)
  local popped = redis.call('ZPOPMAX', queue_of(host))
  local member = popped[1]
  if not member then
    redis.call('ZREM', KEYS[7], host)
    return false
  end
  local target = is_long(member) and redis.call('HGET', KEYS[5], member) or ''
  if is_long(member) and target == '' then -- the store has evicted it
    forget(member)
    return true
  end
  local views, served, idle = read(member)
  if not served then -- queued by a version without the state
    views, served = 1, math.abs(tonumber(popped[2]))
  end
  write(member, views, served, idle, false, host)
  redis.call('ZADD', KEYS[2], time + ARGV[2], member)
  for _, value in ipairs({member, target, string.format('%.3f', served), views, idle, popped[2]}) do
    answer[#answer + 1] = tostring(value)
  end
  count = count - 1
  return true
end
while #turns > 0 and count > 0 do
  local again = {}
  for _, turn in ipairs(turns) do
    if count > 0 and turn[2] > 0 and give(turn[1]) then again[#again + 1] = {turn[1], turn[2] - 1} end
  end
  turns = again
end
return answer
"""
)

PUT_BACK = (
    _STATE
    + """
-- KEYS: queue, later, state, long, targets, bytes, hosts.
-- ARGV: limit in bytes; then member, long target, served at, rank, host
local dropped = 0
for i = 2, #ARGV, 5 do
  local kept, forgotten = keep(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[1])
  dropped = dropped + forgotten
  redis.call('ZREM', KEYS[2], ARGV[i])
  if kept then
    local views, served, idle, wake = read(ARGV[i])
    write(ARGV[i], views, served or ARGV[i + 2], idle, wake, ARGV[i + 4])
    enqueue(ARGV[i], ARGV[i + 4], ARGV[i + 3])
  end
end
return dropped
"""
)

SCHEDULE = (
    _STATE
    + """
-- KEYS: queue, later, state, long, targets, bytes, hosts.
-- ARGV: member, time, limit, views that the check was for, idle, wake, served at, long target, limit in bytes, host
local views, served, _, wake, queued = read(ARGV[1])
local kept, dropped = keep(ARGV[1], ARGV[8], served or ARGV[7], ARGV[9])
redis.call('ZREM', queue_of(queued), ARGV[1])
if kept then
  write(ARGV[1], math.max(0, views - ARGV[4]), served or ARGV[7], ARGV[5], ARGV[6] == '1', ARGV[10])
  redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
end
return dropped + drop(KEYS[2], tonumber(ARGV[3]), -1)
"""
)

FORGET = (
    _STATE
    + """
-- KEYS: queue, later, state, long, targets, bytes, hosts. ARGV: member
forget(ARGV[1])
"""
)

WAITING = (
    _STATE
    + """
-- KEYS: queue, later, state, long, targets, bytes, hosts.
-- Answers with the number of those that wait now; then each host with the number of those in its queue
local answer = {
  redis.call('HLEN', KEYS[3]) - redis.call('ZCARD', KEYS[2]) + redis.call('ZCOUNT', KEYS[2], '-inf', now())
}
for _, host in ipairs(redis.call('ZRANGE', KEYS[7], 0, -1)) do
  answer[#answer + 1] = host
  answer[#answer + 1] = redis.call('ZCARD', queue_of(host))
end
return answer
"""
)

REQUEST_PERMISSION = (
    _TOKENS
    + """
-- A refusal takes nothing from the bucket or from the budget.
-- KEYS: budget, bucket of the host. ARGV: requests per second, whether the budget counts (1 or 0), 1: charge whatever
-- the limits are
local forced, rate, time = ARGV[3] == '1', tonumber(ARGV[1]), redis.call('TIME')
if not forced and ARGV[2] == '1' and tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 'share' end
local now = time[1] + time[2] / 1000000
local tokens, capacity = tokens_in(KEYS[2], rate, now)
if tokens < 1 and not forced then return 'host' end
local seconds = math.ceil((capacity - tokens + 1) / rate) + 1
redis.call('SET', KEYS[2], string.format('%.6f %.6f', tokens - 1, now), 'EX', seconds)
if ARGV[2] == '1' then redis.call('INCRBYFLOAT', KEYS[1], -1) end
return 'go'
"""
)
