"""The Lua scripts that note how far an import is. Each is atomic; noted twice, a step counts once."""

# Says whether another controller began the chunk before, and may have listed it without noting so.
# KEYS: record. ARGV: number of the chunk, version now. -> {version when the chunk was begun, 1 if that is now}
BEGIN = """
local begun = redis.call('HGET', KEYS[1], 'begun')
local number, version = string.match(begun or '', '(%d+) (%d+)')
if number == ARGV[1] then return {tonumber(version), 0} end
redis.call('HSET', KEYS[1], 'begun', ARGV[1] .. ' ' .. ARGV[2])
return {tonumber(ARGV[2]), 1}
"""

# KEYS: record, ranges. ARGV: number of the chunk, first version, last version, entries added
NOTE_LISTED = """
if redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[1]) then return end
redis.call('RPUSH', KEYS[2], ARGV[2] .. ' ' .. ARGV[3])
redis.call('HINCRBY', KEYS[1], 'added', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'listed', 1)
if ARGV[4] ~= '0' then
  redis.call('HSETNX', KEYS[1], 'first', ARGV[2])
  redis.call('HSET', KEYS[1], 'last', ARGV[3])
end
"""

# KEYS: record. ARGV: version of the lists
NOTE_AGAIN = """
if tonumber(redis.call('HGET', KEYS[1], 'again') or 0) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'again', ARGV[1])
end
"""

# KEYS: record, orders
# ARGV: number of the chunk, entries that it added, position of the first id, number of ids when all are in, ids
NOTE_MATCHED = """
if tonumber(redis.call('HGET', KEYS[1], 'matched') or 0) ~= tonumber(ARGV[1]) then return end
-- What another controller left half done is written over.
if ARGV[3] == '0' then redis.call('DEL', KEYS[2]) else redis.call('LTRIM', KEYS[2], 0, ARGV[3] - 1) end
for i = 5, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
local count = redis.call('LLEN', KEYS[2])
if count == tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[1], 'orders', count, 'matched', ARGV[1] + 1)
  redis.call('HINCRBY', KEYS[1], 'searched', ARGV[2])
end
"""

# KEYS: record. ARGV: name of the count of chunks, number of the chunk, entries that were taken off so far
NOTE_WITHDRAWN = """
if tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) ~= tonumber(ARGV[2]) then return end
redis.call('HSET', KEYS[1], 'withdrawn', ARGV[3])
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
"""
