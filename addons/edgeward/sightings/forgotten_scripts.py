"""Redis scripts of the forgotten targets; see forgotten.py."""

REMEMBER = """
local function remember(key, now, keep_ms, max_prefixes, max_hosts, prefix, host, count)
  local field, length = prefix, redis.call('HLEN', key)
  if length >= max_prefixes and redis.call('HEXISTS', key, field) == 0 then field = host end
  if length >= max_prefixes + max_hosts and redis.call('HEXISTS', key, field) == 0 then field = '' end
  local was = tonumber(string.match(redis.call('HGET', key, field) or '0', '%d+'))
  redis.call('HSET', key, field, string.format('%d %d', was + count, now))
  redis.call('PEXPIRE', key, keep_ms)
end
"""
"""Lua function: add to the count of a prefix."""

# What a later purge makes up for at once does not make earlier losses so.
# KEYS: hash. ARGV: now, keep in ms, limits, ms in which a worker may not record a target again, the same for losses of
# earlier versions; then prefix, host, count
REMEMBER_LOST = (
    REMEMBER
    + """
local time = redis.call('TIME')
local since = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[5])
local before = {}
for i = 7, #ARGV, 3 do
  for _, field in ipairs({ARGV[i], ARGV[i + 1], ''}) do before[field] = redis.call('HGET', KEYS[1], field) or '' end
end
for i = 7, #ARGV, 3 do
  remember(KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
for field, was in pairs(before) do
  local count, at = string.match(redis.call('HGET', KEYS[1], field) or '', '^(%d+) (%d+)$')
  if count then
    local _, was_at, was_since = string.match(was, '^(%d+) (%d+) ?(%d*)$')
    local known = tonumber(was_since or '') or (was_at and was_at * 1000 + tonumber(ARGV[6])) or 0
    redis.call('HSET', KEYS[1], field, string.format('%s %s %.0f', count, at, math.max(since, known)))
  end
end
"""
)

# KEYS: hash. ARGV: now, keep in ms, limits; then prefix, host, count
REMEMBER_ALL = (
    REMEMBER
    + """
for i = 5, #ARGV, 3 do
  remember(KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
"""
)

# By the clock of the store, as the ids of purge orders are.
# KEYS: when every cache was emptied
NOTE_EMPTIED = """
local time = redis.call('TIME')
redis.call('SET', KEYS[1], string.format('%d.%03d', time[1], math.floor(time[2] / 1000)))
"""

# KEYS: hash. ARGV: field, now, keep in ms
NOTE_ONCE = """
redis.call('HSET', KEYS[1], ARGV[1], '1 ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
"""

# Returns how many targets are no longer missed.
# KEYS: hash. ARGV: field, the last second when something may have been forgotten there, when it was purged in ms
REPAIR = """
local count, at, since = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '(%d+) (%d+) ?(%d*)')
if not count then return 0 end
if since ~= '' then
  if tonumber(since) >= tonumber(ARGV[3]) then return 0 end
elseif tonumber(at) > tonumber(ARGV[2]) then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
return tonumber(count)
"""

# Like `remember`: what has no place under its prefix is counted for its host, or everywhere.
# KEYS: hash. ARGV: prefix, host, count; prefix, host, count...
SUBTRACT = """
for i = 1, #ARGV, 3 do
  for _, field in ipairs({ARGV[i], ARGV[i + 1], ''}) do
    local count, at = string.match(redis.call('HGET', KEYS[1], field) or '', '(%d+) (%d+)')
    if count then
      local left = tonumber(count) - tonumber(ARGV[i + 2])
      if left > 0 then redis.call('HSET', KEYS[1], field, string.format('%d %d', left, at))
      else redis.call('HDEL', KEYS[1], field) end
      break
    end
  end
end
"""

# A count that has grown since it was read stays.
# KEYS: hash. ARGV: field, value, field, value...
EXPIRE = """
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
"""
