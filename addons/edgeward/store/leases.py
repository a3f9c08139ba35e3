"""Work that one of several processes has for as long as it says so: a sorted set of ids by when their lease ends."""

# KEYS: open work. ARGV: lease in seconds, limit, then the ids in hand: their leases are renewed
CLAIM = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local lease = now + ARGV[1]
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], 'XX', lease, ARGV[i]) end
local free = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
for _, id in ipairs(free) do redis.call('ZADD', KEYS[1], lease, id) end
return free
"""
"""Script: gives the ids that nobody works on, leased to the caller. By the store's clock."""
