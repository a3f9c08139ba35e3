"""The Lua scripts of list_store. Each makes a change and records it in the stream of changes, atomically.

The first keys of every script are the version, the stream of changes and the hash of lists; the first arguments are who
and why. Ids in the stream are "<version>-0": Redis itself refuses a version that is not above all others.
The field `was` of a record holds what the change replaced: the list before its policy changed, or before it lost an
entry. Retromatching needs it, to find what matches now and did not before.
"""

_RECORD = """
local time = redis.call('TIME')
local at = time[1] .. '.' .. string.format('%06d', time[2])
local function record(op, what, json, was)
  local version = redis.call('INCR', KEYS[1])
  local fields = {'op', op, 'who', ARGV[1], 'at', at, 'why', ARGV[2], what, json}
  if was then
    fields[#fields + 1] = 'was'
    fields[#fields + 1] = was
  end
  redis.call('XADD', KEYS[2], version .. '-0', unpack(fields))
  return version
end
"""

PUT_LIST = (
    _RECORD
    + """
-- name, json, whether the list must exist (1) or must not (0) -> {version, at}, or nil if that does not hold
local was = redis.call('HGET', KEYS[3], ARGV[3])
if (was and 1 or 0) ~= tonumber(ARGV[5]) then return false end
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
return {record('list.set', 'list', ARGV[4], was), at}
"""
)

DELETE_LIST = (
    _RECORD
    + """
-- key 4: its entries, 5: where those of an allowlist are kept for a time; name, that time in ms
-- -> {version, at, json of the list}, or nil for an unknown list
local json = redis.call('HGET', KEYS[3], ARGV[3])
if not json then return false end
redis.call('HDEL', KEYS[3], ARGV[3])
if cjson.decode(json)['kind'] == 'allow' and redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('RENAME', KEYS[4], KEYS[5])
  redis.call('PEXPIRE', KEYS[5], ARGV[4])
else
  redis.call('UNLINK', KEYS[4])
end
return {record('list.delete', 'list', json), at, json}
"""
)

ADD_ENTRIES = (
    _RECORD
    + """
-- keys 4..: the entries of each list; number of lists, their names in the same order, then for each entry
-- (number of its list from 1, id, json) -> {at, number of an added entry from 0, its version, ...}, or the name of an
-- unknown list: then nothing is written
local lists = tonumber(ARGV[3])
for i = 1, lists do
  if redis.call('HEXISTS', KEYS[3], ARGV[3 + i]) == 0 then return ARGV[3 + i] end
end
local added = {at}
for i = 4 + lists, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[3 + ARGV[i]], ARGV[i + 1], ARGV[i + 2]) == 1 then
    added[#added + 1] = (i - 4 - lists) / 3
    added[#added + 1] = record('entry.add', 'entry', ARGV[i + 2])
  end
end
-- If nothing is new, another client may have added it a moment ago. This write makes WAITAOF wait for that one too.
if #added == 1 then redis.call('SET', KEYS[1], redis.call('GET', KEYS[1])) end
return added
"""
)

REMOVE_ENTRY = (
    _RECORD
    + """
-- key 4: the entries of its list; id, name of the list -> {version, at, json of the entry}, or nil if there is none
local json = redis.call('HGET', KEYS[4], ARGV[3])
if not json then return false end
redis.call('HDEL', KEYS[4], ARGV[3])
return {record('entry.remove', 'entry', json, redis.call('HGET', KEYS[3], ARGV[4])), at, json}
"""
)
