-- State: what lies under the ledger's hash tag, read once into a cache and written back in one place.
--
-- A script is the parts of this folder in the order state, accounts, claims, decide, marks, recovery, main, behind
-- one line `local GEN = '<nonce>'`: Redis knows a script by its text, so a generation's calls die with its cache.
-- Lua has no rollback: everything is computed on the cache first, `flush` alone writes.
--
-- KEYS[1]  the ledger's hash tag, e.g. {toolgate}
-- ARGV[1]  the command, see main.lua
-- ARGV[2]  its one msgpack argument

local L = KEYS[1]
local BUCKET_MS, BUCKETS_KEPT, CHUNK, SWEEP = 21600000, 4, 4000, 64
local AMOUNT_MAX = 9007199254740991 -- only sums of what went past reservations can come near
local floor, max, min, format = math.floor, math.max, math.min, string.format
local pack, unpack_msg, call = cmsgpack.pack, cmsgpack.unpack, redis.call

-- Numbers go out as text only through here: tostring would turn 2^53 into 9.007e+15.
local function int(n) return format('%.0f', n) end

local function bucket(clk) return floor(clk / BUCKET_MS) end

local function fail(word, text) return redis.error_reply(word .. ' ' .. text) end

-- st: gen rec code seq clk ctl low (oldest bucket that may exist) pend (packed list of gives that became available)
local st = {}
local function read_st()
  local raw = call('HMGET', L .. 'st', 'gen', 'rec', 'code', 'seq', 'clk', 'ctl', 'low', 'pend')
  st = {
    gen = raw[1] or '', rec = raw[2] or '', code = raw[3] or '', seq = tonumber(raw[4] or 0),
    clk = tonumber(raw[5] or 0), ctl = tonumber(raw[6] or 0), low = tonumber(raw[7] or -1),
    pend = raw[8] and unpack_msg(raw[8]) or {},
  }
end

-- accounts: one hash, field = kind:name, value = "at keep ..." with the kind's own numbers behind
local cache, dirty, fresh = {}, {}, {}
local WIDTH = {c = 4, g = 1, n = 2, w = 1}
local PATTERN = {
  c = '^(%d+) (%d+) (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+)$', g = '^(%d+) (%d+) (%-?%d+)$',
  n = '^(%d+) (%d+) (%-?%d+) (%-?%d+)$', w = '^(%d+) (%d+) (%-?%d+)$',
}

local function parse(name, raw)
  local kind = name:sub(1, 1)
  if kind == 'r' then
    local at, keep, owner = raw:match('^(%S+) (%S+) (.*)$')
    return {tonumber(at), tonumber(keep), owner}
  end
  local row = {raw:match(PATTERN[kind])}
  for i = 1, #row do row[i] = tonumber(row[i]) end
  return row
end

local function read(name)
  local row = cache[name]
  if row == nil then
    local raw = call('HGET', L .. 'a', name)
    row = raw and parse(name, raw) or false
    cache[name] = row
  end
  return row
end

-- The account, unless it has been untouched for longer than it is kept.
local function find(name, clk)
  local row = read(name)
  if row and (row[2] == 0 or row[1] + row[2] > clk) then return row end
  return nil
end

-- sliding sets: key -> {seen = {record -> at}, count, queue = {{record, at}, ...} oldest first, head}
local sets, changed = {}, {}
-- releasable parts by expiry: what this call adds to and removes from the index o:<account>
local added, removed = {}, {}

-- The account to be changed, made if it is not there; row[1] = at, row[2] = keep.
local function touch(name, keep, clk, owner)
  local row = find(name, clk)
  if not row then
    local rest = name:sub(3)
    row = {clk, keep}
    -- Whatever lay under a forgotten account of this name is gone with it.
    if name:sub(1, 1) == 'c' then added[rest], removed[rest] = nil, nil end
    if name:sub(1, 1) == 'w' then sets[rest], changed[rest] = nil, nil end
    if owner then
      row[3] = owner
    else
      for i = 3, 2 + WIDTH[name:sub(1, 1)] do row[i] = 0 end
    end
    cache[name] = row
    fresh[name] = true
  end
  row[1], row[2] = clk, keep
  dirty[name] = true
  return row
end

local function read_set(key, clk)
  local name = 'w:' .. key
  local set = find(name, clk) and sets[key]
  if not set then
    set = {seen = {}, queue = {}, count = 0, head = 1}
    if find(name, clk) and not fresh[name] then
      local raw = call('ZRANGE', L .. name, 0, -1, 'WITHSCORES')
      for i = 1, #raw, 2 do
        local at = tonumber(raw[i + 1])
        set.seen[raw[i]] = at
        set.count = set.count + 1
        set.queue[set.count] = {raw[i], at}
      end
    end
    sets[key] = set
  end
  return set
end

local function note_part(account, row, id, expires_at, amount)
  row[6] = row[6] + 1
  added[account] = added[account] or {}
  added[account][id] = {expires_at, amount}
end
local function drop_part(account, row, id, amount)
  row[6] = row[6] - 1
  local mine = added[account]
  if mine and mine[id] then
    mine[id] = nil
  else
    removed[account] = removed[account] or {}
    removed[account][id .. '|' .. int(amount)] = true
  end
end
-- Calls visit(id, amount) for each part of the account that has expired by clk.
local function expired_parts(account, row, clk, visit)
  if row[6] == 0 then return end
  if not fresh['c:' .. account] then
    local gone = removed[account]
    for _, member in ipairs(call('ZRANGEBYSCORE', L .. 'o:' .. account, '-inf', int(clk))) do
      if not (gone and gone[member]) then
        local id, amount = member:match('^(.*)|(%d+)$')
        visit(id, tonumber(amount))
      end
    end
  end
  for id, part in pairs(added[account] or {}) do
    if part[1] <= clk then visit(id, part[2]) end
  end
end

-- reservations: rs:<bucket> hash, id -> packed {born, expires_at, digest, tool, parts, end, sets}
local reservations, changed_rs = {}, {}
local function read_reservation(id, clk)
  local row = reservations[id]
  if row == nil then
    row = false
    for born = bucket(clk), bucket(clk) - BUCKETS_KEPT, -1 do
      local raw = call('HGET', L .. 'rs:' .. int(born), id)
      if raw then
        row = unpack_msg(raw)
        break
      end
    end
    reservations[id] = row
  end
  if row and row[1] >= bucket(clk) - BUCKETS_KEPT then return row end
  return nil
end
local function write_reservation(id, row)
  reservations[id] = row
  changed_rs[id] = true
end

-- first decisions: dd:<bucket> hash, intent id -> "digest seq"
local seen_ids, new_ids = {}, {}
local function prefetch_ids(ids, clk_from, clk_to)
  for born = bucket(clk_to), max(bucket(clk_from) - BUCKETS_KEPT, st.low), -1 do
    local key = L .. 'dd:' .. int(born)
    if call('EXISTS', key) == 1 then
      for from = 1, #ids, CHUNK do
        local upto = min(from + CHUNK - 1, #ids)
        local raw = call('HMGET', key, unpack(ids, from, upto))
        for i = from, upto do
          local value = raw[i - from + 1]
          if value and not seen_ids[ids[i]] then
            local digest, seq = value:match('^(%S+) (%d+)$')
            seen_ids[ids[i]] = {born, digest, tonumber(seq)}
          end
        end
      end
    end
  end
end
local function first_decision(id, clk)
  local row = seen_ids[id]
  if row and row[1] >= bucket(clk) - BUCKETS_KEPT then return row end
  return nil
end
local function enter_id(id, digest, seq, clk)
  seen_ids[id] = {bucket(clk), digest, seq}
  new_ids[id] = true
end

-- Many fields to one key, in chunks: unpack fails near 8,000 values.
local function write_many(word, key, values)
  for from = 1, #values, CHUNK do
    call(word, key, unpack(values, from, min(from + CHUNK - 1, #values)))
  end
end

local function row_text(row)
  local words = {}
  for i, value in ipairs(row) do words[i] = type(value) == 'number' and int(value) or value end
  return table.concat(words, ' ')
end

local function flush_accounts()
  local rows, due = {}, {}
  for name in pairs(dirty) do
    local row = cache[name]
    rows[#rows + 1] = name
    rows[#rows + 1] = row_text(row)
    if fresh[name] then
      local kind, rest = name:sub(1, 1), name:sub(3)
      if kind == 'c' then call('DEL', L .. 'o:' .. rest) end
      if kind == 'w' then call('DEL', L .. 'w:' .. rest) end
      if row[2] > 0 then
        due[#due + 1] = int(row[1] + row[2])
        due[#due + 1] = name
      end
    end
  end
  write_many('HSET', L .. 'a', rows)
  write_many('ZADD', L .. 'gc', due)
end

local function flush_indexes()
  for key, records in pairs(changed) do
    local values = {}
    for record, at in pairs(records) do
      values[#values + 1] = int(at)
      values[#values + 1] = record
    end
    write_many('ZADD', L .. 'w:' .. key, values)
    local row = cache['w:' .. key]
    if row[3] > 0 then call('ZREMRANGEBYSCORE', L .. 'w:' .. key, '-inf', int(row[1] - row[3])) end
  end
  for account, members in pairs(removed) do
    for member in pairs(members) do call('ZREM', L .. 'o:' .. account, member) end
  end
  for account, parts in pairs(added) do
    for id, part in pairs(parts) do
      call('ZADD', L .. 'o:' .. account, int(part[1]), id .. '|' .. int(part[2]))
    end
  end
end

local function flush_buckets()
  local by_key = {}
  local function put(key, field, value)
    local values = by_key[key] or {}
    values[#values + 1] = field
    values[#values + 1] = value
    by_key[key] = values
  end
  for id in pairs(changed_rs) do
    put(L .. 'rs:' .. int(reservations[id][1]), id, pack(reservations[id]))
  end
  for id in pairs(new_ids) do
    put(L .. 'dd:' .. int(seen_ids[id][1]), id, seen_ids[id][2] .. ' ' .. int(seen_ids[id][3]))
  end
  for key, values in pairs(by_key) do write_many('HSET', key, values) end
end

-- What the rules already ignore may go: buckets beyond the horizon, accounts untouched for too long.
local function sweep()
  local oldest = bucket(st.clk) - BUCKETS_KEPT
  if st.low < 0 then st.low = oldest end
  for born = max(st.low, oldest - 1000), oldest - 1 do
    call('UNLINK', L .. 'dd:' .. int(born), L .. 'rs:' .. int(born))
  end
  st.low = max(st.low, oldest)
  for _, name in ipairs(call('ZRANGEBYSCORE', L .. 'gc', '-inf', int(st.clk), 'LIMIT', 0, SWEEP)) do
    local raw = call('HGET', L .. 'a', name)
    local row = raw and parse(name, raw)
    if row and row[2] == 0 then
      call('ZREM', L .. 'gc', name)
    elseif row and row[1] + row[2] > st.clk then
      call('ZADD', L .. 'gc', int(row[1] + row[2]), name)
    else
      call('HDEL', L .. 'a', name)
      if name:sub(1, 1) == 'c' then call('UNLINK', L .. 'o:' .. name:sub(3)) end
      if name:sub(1, 1) == 'w' then call('UNLINK', L .. name) end
      call('ZREM', L .. 'gc', name)
    end
  end
end

local function flush()
  -- Redis refuses only the first write of a script when memory is full: this one.
  call('HSET', L .. 'st', 'seq', int(st.seq), 'clk', int(st.clk), 'pend', pack(st.pend))
  flush_accounts()
  flush_indexes()
  flush_buckets()
  sweep()
  call('HSET', L .. 'st', 'low', int(st.low))
end
