"""The Lua scripts of list_store. Each makes a change and records it in the stream of changes, atomically.

The first keys of every script are the version, the stream of changes and the hash of lists; the first arguments are who
and why. Who may be followed by a NUL and a network address: from where (audit_trail.py).
Ids in the stream are "<version>-0": Redis itself refuses a version that is not above all others.
The field `again` says that an entry which is added was on the list before (relisting.py).
The field `row` says which row of a batch was removed (types/batches.py); `numbers` how many entries a batch adds, finds
listed and takes off, or how many its undo removes, keeps and puts back: three numbers.
The field `was` of a record holds what the change replaced: the list before its policy changed, or before it lost an
entry. Retromatching needs it, to find what matches now and did not before.

An entry as JSON names the act that listed it. Its later acts, which ask for it too, are in the hash of demands:
"ACT ACT ...", and at the end "+" if there were more than MAX_LATER_ACTS.
"""

MAX_LATER_ACTS = 4
"""Acts recorded of an entry besides the first. If there are more, an undo never removes the entry: `remove` does."""

RESTORE_VERSION = """
-- A store may have lost the version alone (eviction): the last id of the stream of changes is the same number.
local function restore_version(version_key, changes_key)
  if redis.call('EXISTS', version_key) == 1 or redis.call('EXISTS', changes_key) == 0 then return end
  local info = redis.call('XINFO', 'STREAM', changes_key)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      redis.call('SET', version_key, string.match(info[i + 1], '^%d+'))
    end
  end
end
"""
RECORD = (
    RESTORE_VERSION
    + """
restore_version(KEYS[1], KEYS[2])
local time = redis.call('TIME')
local at = time[1] .. '.' .. string.format('%06d', time[2])
local who, origin = string.match(ARGV[1], '^(%Z*)%z?(.*)$')
local function record(op, what, json, was, again, row, numbers)
  local version = redis.call('INCR', KEYS[1])
  local fields = {'op', op, 'who', who, 'at', at, 'why', ARGV[2], what, json}
  if origin ~= '' then
    fields[#fields + 1] = 'from'
    fields[#fields + 1] = origin
  end
  if was then
    fields[#fields + 1] = 'was'
    fields[#fields + 1] = was
  end
  if again then
    fields[#fields + 1] = 'again'
    fields[#fields + 1] = '1'
  end
  if row then
    fields[#fields + 1] = 'row'
    fields[#fields + 1] = row
  end
  if numbers then
    fields[#fields + 1] = 'numbers'
    fields[#fields + 1] = numbers
  end
  redis.call('XADD', KEYS[2], version .. '-0', unpack(fields))
  return version
end
"""
)

PUT_LIST = (
    RECORD
    + """
-- name, json, the list's json that is to be replaced ("": there is none) -> {version, at},
-- or what the store has instead: json, or "" for no list
local was = redis.call('HGET', KEYS[3], ARGV[3])
if (was or '') ~= ARGV[5] then return was or '' end
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
return {record('list.set', 'list', ARGV[4], was), at}
"""
)

DELETE_LIST = (
    RECORD
    + """
-- key 4: its entries, 5: where those of an allowlist are kept for a time, 6: its demands, 7: deletions by list,
-- 8: deleted allowlists, 9: its batches, 10: its removed rows, 11: old batches, which stay to be read for a time
-- name, the list's json as the caller knows it ("": whatever it is)
-- -> {version, at, json of the list, number of its entries}, nil for an unknown list, or its json if that is not as the
-- caller knows it
local json = redis.call('HGET', KEYS[3], ARGV[3])
if not json then return false end
if ARGV[4] ~= '' and ARGV[4] ~= json then return json end
redis.call('HDEL', KEYS[3], ARGV[3])
redis.call('UNLINK', KEYS[6])
redis.call('HINCRBY', KEYS[7], ARGV[3], 1)
local batches = redis.call('HGETALL', KEYS[9])
for i = 1, #batches, 2 do
  if batches[i] ~= '' then redis.call('HSET', KEYS[11], batches[i], at .. ' ' .. batches[i + 1]) end
end
redis.call('UNLINK', KEYS[9], KEYS[10])
local entries = redis.call('HLEN', KEYS[4])
if cjson.decode(json)['kind'] == 'allow' and redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('RENAME', KEYS[4], KEYS[5])
  redis.call('ZADD', KEYS[8], at, ARGV[3])
else
  redis.call('UNLINK', KEYS[4])
end
return {record('list.delete', 'list', json), at, json, entries}
"""
)

ADD_ENTRIES = (
    RECORD
    + f"local max_later = {MAX_LATER_ACTS}\n"
    + """
-- keys 4, 5: the record of the act, the ids of the entries that it added; 6: deletions by list; 7..: of each list its
-- entries, its demands
-- id of the act ("": none), number of lists, their names in the same order (an act has one list), then for each entry
-- (number of its list from 1, id, json) -> {at, number of an added entry from 0, its version, ...}, or {why not, what}:
-- then nothing is written
local act, lists = ARGV[3], tonumber(ARGV[4])
for i = 1, lists do
  if redis.call('HEXISTS', KEYS[3], ARGV[4 + i]) == 0 then return {'unknown', ARGV[4 + i]} end
end
local named = '"act":"' .. act .. '"'
if act ~= '' then
  local deletions = redis.call('HGET', KEYS[6], ARGV[5]) or '0'
  local list, by, undone, before = unpack(redis.call('HMGET', KEYS[4], 'list', 'by', 'undone_at', 'deletions'))
  if undone then return {'undone', act} end
  if list and (list ~= ARGV[5] or by ~= who) then return {'taken', act} end
  -- A list of that name that was made since is another one. It may even be an allowlist.
  if list and before ~= deletions then return {'unknown', list} end
  if not list then
    redis.call('HSET', KEYS[4], 'list', ARGV[5], 'by', who, 'why', ARGV[2], 'at', at, 'deletions', deletions)
  end
end
local function demand(key, id)
  local later = redis.call('HGET', key, id) or ''
  local count = 0
  for each in string.gmatch(later, '%S+') do
    if each == act or each == '+' then return end
    count = count + 1
  end
  local more = count < max_later and act or '+'
  redis.call('HSET', key, id, later == '' and more or later .. ' ' .. more)
  redis.call('HINCRBY', KEYS[4], 'known', 1)
end
local added = {at}
for i = 5 + lists, #ARGV, 3 do
  local key = 5 + 2 * ARGV[i]
  if redis.call('HSETNX', KEYS[key], ARGV[i + 1], ARGV[i + 2]) == 1 then
    added[#added + 1] = (i - 5 - lists) / 3
    added[#added + 1] = record('entry.add', 'entry', ARGV[i + 2])
    if act ~= '' then redis.call('RPUSH', KEYS[5], ARGV[i + 1]) end
  elseif act ~= '' and not string.find(redis.call('HGET', KEYS[key], ARGV[i + 1]), named, 1, true) then
    demand(KEYS[key + 1], ARGV[i + 1])
  end
end
-- If nothing is new, another client may have added it a moment ago. This write makes WAITAOF wait for that one too.
if #added == 1 then redis.call('SET', KEYS[1], redis.call('GET', KEYS[1])) end
return added
"""
)

REMOVE_ENTRIES = (
    RECORD
    + """
-- key 4: the entries of the list, 5: its demands; name of the list, then ids
-- -> {at, version, json of the entry, version, ...}, without those that are not there
local was = redis.call('HGET', KEYS[3], ARGV[3])
local removed = {at}
for i = 4, #ARGV do
  local json = redis.call('HGET', KEYS[4], ARGV[i])
  if json then
    redis.call('HDEL', KEYS[4], ARGV[i])
    redis.call('HDEL', KEYS[5], ARGV[i])
    removed[#removed + 1] = record('entry.remove', 'entry', json, was)
    removed[#removed + 1] = json
  end
end
return removed
"""
)

COUNT_ENTRIES = """
-- keys 4..: the entries of each list; names of the lists -> {version, number of entries of each list, -1 for no list}
local counts = {tonumber(redis.call('GET', KEYS[1]) or 0)}
for i = 1, #ARGV do
  local there = redis.call('HEXISTS', KEYS[3], ARGV[i]) == 1
  counts[#counts + 1] = there and redis.call('HLEN', KEYS[3 + i]) or -1
end
return counts
"""
