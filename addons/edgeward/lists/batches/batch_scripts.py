"""The Lua scripts of BatchStore. Those that change the lists record it as lua_scripts.py does.

Keys 1 to 3 of those are the version, the stream of changes and the hash of lists; the first arguments who and why.
"""

from edgeward.lists.lua_scripts import RECORD

COMMIT = (
    RECORD
    + """
-- key 4: the batches of the list, 5: the record of the act, 6: deletions by list
-- name of the list, id of the act ("": none), id of the batch, its json, version of the last change of the batches that
-- it was made for, and how many of its rows are new, were listed before, and how many rows it takes off
-- -> {version, at}, or {why not, what}: then nothing is written. A batch that is there already is committed.
local list, act = ARGV[3], ARGV[4]
local there = redis.call('HGET', KEYS[4], ARGV[5])
if there then return {tonumber(string.match(there, '^%d+')), at} end
if redis.call('HEXISTS', KEYS[3], list) == 0 then return {'unknown', list} end
if (redis.call('HGET', KEYS[4], '') or '0') ~= ARGV[7] then return {'changed', list} end
if act ~= '' then
  local deletions = redis.call('HGET', KEYS[6], list) or '0'
  local declared, by, undone, before = unpack(redis.call('HMGET', KEYS[5], 'list', 'by', 'undone_at', 'deletions'))
  if undone then return {'undone', act} end
  if declared and (declared ~= list or by ~= who) then return {'taken', act} end
  if declared and before ~= deletions then return {'unknown', list} end
  if not declared then
    redis.call('HSET', KEYS[5], 'list', list, 'by', who, 'why', ARGV[2], 'at', at, 'deletions', deletions)
  end
end
local numbers = table.concat({ARGV[8], ARGV[9], ARGV[10]}, ' ')
local version = record('list.batch_add', 'batch', ARGV[6], redis.call('HGET', KEYS[3], list), nil, nil, numbers)
redis.call('HSET', KEYS[4], ARGV[5], version .. ' 0 ' .. ARGV[6], '', version)
if act ~= '' then
  redis.call('HINCRBY', KEYS[5], 'rows', ARGV[8])
  redis.call('HINCRBY', KEYS[5], 'known', ARGV[9])
  redis.call('HINCRBY', KEYS[5], 'withdrawn', ARGV[10])
end
return {version, at}
"""
)

UNDO = (
    RECORD
    + """
-- key 4: the batches of the list, 5: the record of the act, 6: what became of its entries
-- id of the act, id of the batch, version of the last change of the batches for which the numbers were computed, how
-- many entries are removed, stay since others list them, and are put back; number of entries of each kind that are
-- reported, and then of each such entry (kind, json of the entry, the act that lists it)
-- -> its version; 0: it is not there, or undone already; -1: the batches have changed since
local found = redis.call('HGET', KEYS[4], ARGV[4])
if not found then return 0 end
local made, undone, json = string.match(found, '^(%d+) (%d+) (.*)$')
if undone ~= '0' then return 0 end
if (redis.call('HGET', KEYS[4], '') or '0') ~= ARGV[5] then return -1 end
local list = redis.call('HGET', KEYS[3], cjson.decode(json)['list'])
local numbers = table.concat({ARGV[6], ARGV[7], ARGV[8]}, ' ')
local version = record('list.batch_undo', 'batch', json, list, nil, nil, numbers)
redis.call('HSET', KEYS[4], ARGV[4], string.format('%s %.0f %s', made, version, json), '', version)
redis.call('HSET', KEYS[5], 'version', version)
local left = {}
for i, kind in ipairs({'removed', 'kept', 'restored'}) do
  left[kind] = tonumber(ARGV[9]) - tonumber(redis.call('HGET', KEYS[5], kind) or 0)
  redis.call('HINCRBY', KEYS[5], kind, ARGV[5 + i])
end
for i = 10, #ARGV, 3 do
  if left[ARGV[i]] > 0 then
    left[ARGV[i]] = left[ARGV[i]] - 1
    redis.call('RPUSH', KEYS[6], cjson.encode({what = ARGV[i], entry = ARGV[i + 1], act = ARGV[i + 2]}))
  end
end
return version
"""
)

REMOVE_ROWS = (
    RECORD
    + """
-- key 4: the batches of the list, 5: its removed rows
-- name of the list, version of the last change of the batches for which the rows were found, then for each row (id of
-- its batch, "BATCH:ROW", others with its value, json of its entry)
-- -> {at, number of a removed row from 0, version, ...}, without those whose batch is not there, and those that were
-- removed since the batches changed last; {}: they have changed since
local last = tonumber(redis.call('HGET', KEYS[4], '') or 0)
if last ~= tonumber(ARGV[4]) then return {} end
local was, removed = redis.call('HGET', KEYS[3], ARGV[3]), {at}
for i = 5, #ARGV, 4 do
  local before = tonumber(redis.call('HGET', KEYS[5], ARGV[i + 1]) or 0)
  if redis.call('HEXISTS', KEYS[4], ARGV[i]) == 1 and before <= last then
    local version = record('entry.remove', 'entry', ARGV[i + 3], was, false, ARGV[i + 1])
    for copy in string.gmatch(ARGV[i + 2], '%S+') do redis.call('HSET', KEYS[5], copy, version) end
    redis.call('HSET', KEYS[5], ARGV[i + 1], version)
    removed[#removed + 1] = (i - 5) / 4
    removed[#removed + 1] = version
  end
end
return removed
"""
)

COUNT = """
-- keys: the batches of each list -> how many of each are not undone
local counts = {}
for i = 1, #KEYS do
  counts[i] = 0
  for _, batch in ipairs(redis.call('HVALS', KEYS[i])) do
    if string.find(batch, '^%d+ 0 ') then counts[i] = counts[i] + 1 end
  end
end
return counts
"""

DROP = """
-- key 1: the batches of a list, 2: old batches, 3: data of the batch; id of the batch, when (Unix seconds)
-- It stays to be read by its id for a time.
local found = redis.call('HGET', KEYS[1], ARGV[1])
if not found then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. found)
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
"""

FORGET = """
-- key 1: old batches, 2: data of the batch; id of the batch
redis.call('UNLINK', KEYS[2])
return redis.call('HDEL', KEYS[1], ARGV[1])
"""
