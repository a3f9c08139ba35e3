"""The Lua scripts of acts (acts.py, list_store.py). Each is atomic; UNDO records its changes as lua_scripts.py does."""

from edgeward.lists.lua_scripts import MAX_LATER_ACTS, RECORD

ENTRY_OF_ACT = """
-- The fields of a JSON object as texts ('"name":value'), in their order: cjson would round numbers.
local function fields_of(json)
  local found, depth, first, i = {}, 0, 2, 1
  while true do
    i = string.find(json, '["{}%[%],]', i)
    if not i then return found end
    local sign = string.sub(json, i, i)
    if sign == '"' then
      repeat
        i = string.find(json, '["\\\\]', i + 1)
        local escapes = string.sub(json, i, i) == '\\\\'
        if escapes then i = i + 1 end
      until not escapes
    elseif sign == '{' or sign == '[' then
      depth = depth + 1
    elseif sign ~= ',' then
      depth = depth - 1
    end
    if depth == 0 or (depth == 1 and sign == ',') then
      found[#found + 1] = string.sub(json, first, i - 1)
      first = i + 1
    end
    i = i + 1
  end
end
-- The entry as it is listed by that act, whose record is under the key acts .. other. Its source's id and tags were
-- those of the first act. What a later release wrote besides stays.
local function listed_by(json, other, acts, list_name)
  local values = {}
  if other ~= '+' then
    local list, by, why, since = unpack(redis.call('HMGET', acts .. other, 'list', 'by', 'why', 'at'))
    values = {
      list = cjson.encode(list or list_name), reason = cjson.encode(why or ''), added_by = cjson.encode(by or ''),
      added_at = since or at
    }
  end
  local fields = fields_of(json)
  for i, field in ipairs(fields) do
    local name = string.match(field, '^%s*"([^"]*)"')
    if values[name] then fields[i] = '"' .. name .. '":' .. values[name] end
    if name == 'signal' then
      local left = {}
      for _, part in ipairs(fields_of(string.match(field, '{.*}'))) do
        local key = string.match(part, '^%s*"([^"]*)"')
        if key ~= 'act' and key ~= 'source_id' and key ~= 'tags' then left[#left + 1] = part end
      end
      if other ~= '+' then left[#left + 1] = '"act":"' .. other .. '"' end
      fields[i] = '"signal":{' .. table.concat(left, ',') .. '}'
    end
  end
  return '{' .. table.concat(fields, ',') .. '}'
end
"""

# One call takes back up to ARGV[6] entries, so that it does not hold up the store; the caller repeats it. Each call is
# whole or not at all, and what it did is in the record of the act: another controller can go on after any of them.
UNDO = (
    RECORD
    + ENTRY_OF_ACT
    + """
-- keys 4, 5: the record of the act, the ids of the entries that it added; 6, 7: entries and demands of its list;
-- 8: what became of its entries
-- id of the act, name of its list, start of the keys of acts, entries of one call, cursor in the demands, number of
-- entries of each kind that are reported; then for each entry that a batch lists too (id, its json then, the act that
-- lists it) -> {1 if more is to do, cursor}, or nil for an unknown act
local act, limit, cursor, in_batch = ARGV[3], tonumber(ARGV[6]), ARGV[7], {}
for i = 9, #ARGV, 3 do in_batch[ARGV[i]] = {ARGV[i + 1], ARGV[i + 2]} end
if redis.call('EXISTS', KEYS[4]) == 0 then return false end
if redis.call('HSETNX', KEYS[4], 'undone_at', at) == 1 then
  redis.call('HSET', KEYS[4], 'undone_by', who, 'undone_why', ARGV[2])
end
local function report(what, json, by)
  if redis.call('HINCRBY', KEYS[4], what, 1) <= tonumber(ARGV[8]) then
    redis.call('RPUSH', KEYS[8], cjson.encode({what = what, entry = json, act = by}))
  end
end
local function changed(op, json, was)
  redis.call('HSET', KEYS[4], 'version', record(op, 'entry', json, was))
end
-- The first later act that is not undone, and those after it.
local function next_act(id)
  local left, first = {}, nil
  for each in string.gmatch(redis.call('HGET', KEYS[7], id) or '', '%S+') do
    if first then
      left[#left + 1] = each
    elseif each == '+' or not redis.call('HGET', ARGV[5] .. each, 'undone_at') then
      first = each
    end
  end
  return first, table.concat(left, ' ')
end
local was = redis.call('HGET', KEYS[3], ARGV[4])
for _ = 1, limit do
  local id = redis.call('LPOP', KEYS[5])
  if not id then break end
  local json = redis.call('HGET', KEYS[6], id)
  if json and string.find(json, '"act":"' .. act .. '"', 1, true) then
    local other, left = next_act(id)
    if left ~= '' then redis.call('HSET', KEYS[7], id, left) else redis.call('HDEL', KEYS[7], id) end
    if other then
      local new = listed_by(json, other, ARGV[5], ARGV[4])
      redis.call('HSET', KEYS[6], id, new)
      if other ~= '+' then redis.call('RPUSH', ARGV[5] .. other .. ':added', id) end
      changed('entry.set', new, was)
      report('kept', new, other)
    else
      redis.call('HDEL', KEYS[6], id)
      changed('entry.remove', json, was)
      if in_batch[id] then report('kept', unpack(in_batch[id])) else report('removed', json, '') end
    end
  end
end
if redis.call('EXISTS', KEYS[5]) == 1 then return {1, cursor} end
local scanned = redis.call('HSCAN', KEYS[7], cursor, 'COUNT', limit)
for i = 1, #scanned[2], 2 do
  local id, later, others = scanned[2][i], scanned[2][i + 1], {}
  for each in string.gmatch(later, '%S+') do
    if each ~= act then others[#others + 1] = each end
  end
  others = table.concat(others, ' ')
  if others ~= later then
    if others ~= '' then redis.call('HSET', KEYS[7], id, others) else redis.call('HDEL', KEYS[7], id) end
    local json = redis.call('HGET', KEYS[6], id)
    if json then report('kept', json, string.match(json, '"act":"([^"]*)"') or '') end
  end
end
return {scanned[1] == '0' and 0 or 1, scanned[1]}
"""
)

# KEYS 4: the record of the act, 5: the entries that it withdrew, 6, 7: entries and demands of its list, 8: what became
# of its entries, 9: deletions by list
# ARGV 3..: id of the act, name of its list, start of the keys of acts, entries of one call, number of entries that are
# reported -> 1 if more is to do
PUT_BACK = (
    RECORD
    + ENTRY_OF_ACT
    + f"local max_later = {MAX_LATER_ACTS}\n"
    + """
local act, list, acts = ARGV[3], ARGV[4], ARGV[5]
-- A list of that name that was made since is another one.
if (redis.call('HGET', KEYS[9], list) or '0') ~= (redis.call('HGET', KEYS[4], 'deletions') or '0')
  or redis.call('HEXISTS', KEYS[3], list) == 0 then
  redis.call('UNLINK', KEYS[5])
  return 0
end
-- The acts that listed it and are not undone, in their order.
local function left_of(json, later)
  local left = {}
  local first = string.match(json, '"act":"([^"]*)"') or ''
  for each in string.gmatch(first .. ' ' .. later, '%S+') do
    if each == '+' or not redis.call('HGET', acts .. each, 'undone_at') then left[#left + 1] = each end
  end
  return first, left
end
-- It is listed again since: those acts list it too.
local function demand(id, left)
  local later, count = {}, 0
  for each in string.gmatch(redis.call('HGET', KEYS[7], id) or '', '%S+') do later[#later + 1] = each end
  for _, each in ipairs(left) do
    if #later < max_later then later[#later + 1] = each elseif later[#later] ~= '+' then later[#later + 1] = '+' end
  end
  if #later > 0 then redis.call('HSET', KEYS[7], id, table.concat(later, ' ')) end
end
for _ = 1, tonumber(ARGV[6]) do
  local item = redis.call('LPOP', KEYS[5])
  if not item then break end
  local id, later, json = string.match(item, '^([^|]*)|([^|]*)|(.*)$')
  local first, left = left_of(json, later)
  if redis.call('HEXISTS', KEYS[6], id) == 1 then
    demand(id, left)
  elseif first == '' or #left > 0 then
    if first ~= '' and left[1] ~= first then
      json = listed_by(json, left[1], acts, list)
      if left[1] ~= '+' then redis.call('RPUSH', acts .. left[1] .. ':added', id) end
    end
    if first ~= '' then table.remove(left, 1) end
    redis.call('HSET', KEYS[6], id, json)
    if #left > 0 then redis.call('HSET', KEYS[7], id, table.concat(left, ' ')) end
    redis.call('HSET', KEYS[4], 'version', record('entry.add', 'entry', json))
    if redis.call('HINCRBY', KEYS[4], 'restored', 1) <= tonumber(ARGV[7]) then
      redis.call('RPUSH', KEYS[8], cjson.encode({what = 'restored', entry = json, act = left[1] or ''}))
    end
  end
end
return redis.call('EXISTS', KEYS[5])
"""
)

# KEYS: the record of an act, deletions by list. ARGV: name of the list, then other fields and values
DECLARE_ACT = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
return redis.call('HSET', KEYS[1], 'list', ARGV[1], 'deletions', redis.call('HGET', KEYS[2], ARGV[1]) or '0',
  unpack(ARGV, 2))
"""

# KEYS: the record of an act, ids of the entries that it added
WITHDRAW_ACT = """
if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('HEXISTS', KEYS[1], 'known') == 1
  or redis.call('HEXISTS', KEYS[1], 'withdrawn') == 1 then return 0 end
return redis.call('UNLINK', KEYS[1])
"""

# KEYS: the record of an act, deletions by list, ids of the entries that it added, the same ids as they are to become.
# ARGV: as for DECLARE_ACT, and last the number of these ids -> nil if some have expired: then nothing is restored
RESTORE_ACT = (
    """
if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('UNLINK', KEYS[4]) end
if redis.call('LLEN', KEYS[4]) ~= tonumber(table.remove(ARGV)) then return false end
if redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('RENAME', KEYS[4], KEYS[3])
  redis.call('PERSIST', KEYS[3])
end
"""
    + DECLARE_ACT
)

# KEYS: the record of an act, acts that are undone. ARGV: its id, the store's time
FINISH_UNDO = """
redis.call('HSETNX', KEYS[1], 'done_at', ARGV[2])
redis.call('ZADD', KEYS[2], 'NX', ARGV[2], ARGV[1])
return 1
"""

# KEYS: acts that are undone, the keys of one of them. ARGV: its id
FORGET_ACT = """
redis.call('UNLINK', unpack(KEYS, 2))
return redis.call('ZREM', KEYS[1], ARGV[1])
"""
