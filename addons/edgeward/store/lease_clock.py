"""A clock in the store by which leases end. It goes on only while those who renew leases are heard.

hash: `clock`, its time in seconds; `clock_at`, the server's time when it was set

It goes on by the time that passes between two calls of whoever sets it, as far as that can be believed. If the server's
clock goes back between them, none has passed. If it goes on by more than the longest gap, its clock was stepped,
another server took over, or nobody could call: as much has passed as between two calls. So no step of the server's
clock ends a lease or makes one last, and only silence that the store could hear counts. It begins with the server's
time, by which earlier releases counted leases.
"""


def lease_clock(longest_gap: float, usual_gap: float) -> str:
    """Lua functions: `lease_clock(hash)` returns the clock and the server's time now, in seconds; `set_lease_clock(
    hash, clock, now)` makes it go on.

    Args:
        longest_gap: seconds between two calls that are taken as time that has passed.
        usual_gap: seconds that have passed if there were more between two calls.
    """
    return f"""
local function lease_clock(hash)
  local time = redis.call('TIME')
  local now = time[1] + time[2] / 1000000
  local clock, at = unpack(redis.call('HMGET', hash, 'clock', 'clock_at'))
  if not clock then return now, now end
  local passed = now - tonumber(at)
  if passed < 0 then passed = 0 elseif passed > {longest_gap} then passed = {usual_gap} end
  return tonumber(clock) + passed, now
end
local function set_lease_clock(hash, clock, now)
  redis.call('HSET', hash, 'clock', string.format('%.6f', clock), 'clock_at', string.format('%.6f', now))
end
"""
