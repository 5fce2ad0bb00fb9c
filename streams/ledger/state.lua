-- State: what a call knows of the ledger: `st`, the accounts it touches, the ids of first decisions. Read in as
-- few calls as possible, changed here alone, written back by flush.lua.
--
-- A script is the parts of this folder in the order of scripts.py, behind one line `local GEN = '<nonce>'`: Redis
-- knows a script by its text, so a generation's calls die with its cache.
-- Lua has no rollback: everything is computed on what was read, `flush` alone writes.
--
-- KEYS[1]  the ledger's hash tag, e.g. {toolgate}
-- ARGV[1]  the command, see main.lua
-- ARGV[2]  its one msgpack argument

local L = KEYS[1]
local BUCKET_MS, BUCKETS_KEPT, CHUNK, SWEEP = 21600000, 4, 4000, 64
local AMOUNT_MAX = 9007199254740991 -- only sums of what went past reservations can come near
local floor, max, min, format = math.floor, math.max, math.min, string.format
local pack, unpack_msg, encode, decode, call = cmsgpack.pack, cmsgpack.unpack, struct.pack, struct.unpack, redis.call

-- Numbers go out as text only through here: tostring would turn 2^53 into 9.007e+15. Slow, so each only once.
local texts = {}
local function int(n)
  local text = texts[n]
  if not text then
    text = format('%.0f', n)
    texts[n] = text
  end
  return text
end

local function bucket(clk) return floor(clk / BUCKET_MS) end

local function fail(word, text) return redis.error_reply(word .. ' ' .. text) end

-- Many values to one key, in chunks: unpack fails near 8,000 values.
local function write_many(word, key, values)
  for from = 1, #values, CHUNK do
    call(word, key, unpack(values, from, min(from + CHUNK - 1, #values)))
  end
end

-- st: gen rec code seq clk ctl, low (oldest bucket of ids and reservations that may exist), due (oldest bucket of
-- accounts to be forgotten), pend (gives that became available and are not yet said in a committed decision)
local st = {}
local horizon = 0 -- the latest time that this call can reach
local function read_st()
  local raw = call('HMGET', L .. 'st', 'gen', 'rec', 'code', 'seq', 'clk', 'ctl', 'low', 'due', 'pend')
  st = {
    gen = raw[1] or '', rec = raw[2] or '', code = raw[3] or '', seq = tonumber(raw[4] or 0),
    clk = tonumber(raw[5] or 0), ctl = tonumber(raw[6] or 0), low = tonumber(raw[7] or -1),
    due = tonumber(raw[8] or -1), pend = raw[9] and unpack_msg(raw[9]) or {},
  }
  horizon = st.clk
end

-- Accounts: a hash for each kind, a:<kind>, name -> the row's numbers as little-endian doubles, exact to 2^53.
--   c {at, keep, used, freed, uncovered, parts in o:<name>, none of them expires before}  g {at, keep, tat}
--   n {at, keep, live, committed}  w {at, keep, window, members in w:<name>, none of them is older}
--   r {at, keep, owner}: the owner's text stands behind the numbers
--   f {at, keep, names, bytes}: a run's facts, name -> text in f:<run>
-- In a call an account is a number, its slot: kind, name and row by slot, false where there is none.
local CODES = {c = '<ddddddd', g = '<ddd', n = '<dddd', w = '<ddddd', r = '<dd', f = '<dddd'}
local kinds, names, rows, slots = {}, {}, {}, 0
local slot_of = {c = {}, g = {}, n = {}, w = {}, r = {}, f = {}}
local wanted = {} -- slots whose accounts have not been read
local dirty, touched, changes, fresh, stale = {}, {}, 0, {}, {}

local function slot_for(kind, name)
  local slot = slot_of[kind][name]
  if not slot then
    slots = slots + 1
    slot = slots
    slot_of[kind][name], kinds[slot], names[slot] = slot, kind, name
    wanted[#wanted + 1] = slot
  end
  return slot
end

local function parse(kind, raw)
  local row = {decode(CODES[kind], raw)}
  if kind == 'r' then row[3] = raw:sub(17) end
  return row
end

local function row_text(kind, row)
  if kind == 'c' then return encode('<ddddddd', row[1], row[2], row[3], row[4], row[5], row[6], row[7]) end
  if kind == 'n' or kind == 'f' then return encode('<dddd', row[1], row[2], row[3], row[4]) end
  if kind == 'g' then return encode('<ddd', row[1], row[2], row[3]) end
  if kind == 'w' then return encode('<ddddd', row[1], row[2], row[3], row[4], row[5]) end
  return encode('<dd', row[1], row[2]) .. row[3]
end

local function by_kind(list)
  local lists = {c = {}, g = {}, n = {}, w = {}, r = {}, f = {}}
  for _, slot in ipairs(list) do
    local of = lists[kinds[slot]]
    of[#of + 1] = slot
  end
  return lists
end

-- Reads the accounts of every slot that was made since the last time.
local function fetch()
  if #wanted == 0 then return end
  for kind, of in pairs(by_kind(wanted)) do
    for from = 1, #of, CHUNK do
      local upto = min(from + CHUNK - 1, #of)
      local fields = {}
      for i = from, upto do fields[i - from + 1] = names[of[i]] end
      local raw = call('HMGET', L .. 'a:' .. kind, unpack(fields))
      for i = from, upto do
        local text = raw[i - from + 1]
        rows[of[i]] = text and parse(kind, text)
      end
    end
  end
  wanted = {}
end

-- The account, unless it has been untouched for longer than it is kept.
local function find(slot, clk)
  local row = rows[slot]
  if row and (row[2] == 0 or row[1] + row[2] > clk) then return row end
  return nil
end

local function soil(slot)
  if not dirty[slot] then
    dirty[slot], changes = true, changes + 1
    touched[changes] = slot
  end
end

-- sliding sets and releasable parts by slot, see expiry.lua; facts by slot, see facts.lua
local sets, added, removed, facts, changed_facts = {}, {}, {}, {}, {}

-- The account to be changed, made if it is not there; row[1] = at, row[2] = keep.
local function touch(slot, keep, clk)
  local row = rows[slot]
  if not row or (row[2] ~= 0 and row[1] + row[2] <= clk) then
    -- Whatever lay under a forgotten account of this name is gone with it.
    if row and not fresh[slot] then stale[slot] = true end
    fresh[slot] = true
    sets[slot], added[slot], removed[slot], facts[slot], changed_facts[slot] = nil, nil, nil, nil, nil
    row = {clk, keep, 0, 0, 0, 0, 0}
    rows[slot] = row
  end
  row[1], row[2] = clk, keep
  if not dirty[slot] then soil(slot) end
  return row
end

-- first decisions: dd:<bucket> hash, intent id -> seq as a double, then the digest
local seen, seen_in, new_ids = {}, {}, {}
-- `clk`: no id is asked for before then
local function fetch_buckets(kind, ids, clk, visit)
  for born = bucket(horizon), max(bucket(clk) - BUCKETS_KEPT, st.low), -1 do
    local key = L .. kind .. int(born)
    if call('EXISTS', key) == 1 then
      for from = 1, #ids, CHUNK do
        local upto = min(from + CHUNK - 1, #ids)
        local raw = call('HMGET', key, unpack(ids, from, upto))
        for i = from, upto do
          if raw[i - from + 1] then visit(ids[i], raw[i - from + 1], born) end
        end
      end
    end
  end
end
local function fetch_ids(ids, clk)
  fetch_buckets('dd:', ids, clk, function(id, value, born)
    if not seen[id] then seen[id], seen_in[id] = value, born end
  end)
end
-- The digest and seq of the id's first decision, or nil.
local function first_decision(id, clk)
  local value = seen[id]
  if value and seen_in[id] >= bucket(clk) - BUCKETS_KEPT then return value:sub(9), (decode('<d', value)) end
  return nil
end
local function enter_id(id, digest, seq, clk)
  local born, value = bucket(clk), encode('<d', seq) .. digest
  seen[id], seen_in[id] = value, born
  local list = new_ids[born]
  if not list then
    list = {}
    new_ids[born] = list
  end
  list[#list + 1] = id
  list[#list + 1] = value
end

-- reservations: rs:<bucket> hash, id -> packed end ('' while it has none), then packed {bucket, expires_at, digest,
-- tool, {{account, unit, amount, max, on_expiry, keep}...}, {{key, window, keep}...}}
local reservations, opened, changed_rs = {}, {}, {}
-- The reservation's end and row, or nil; it must have been fetched or written before.
local function read_reservation(id, clk)
  local row = opened[id]
  if not row and reservations[id] then
    row = {unpack_msg(reservations[id])}
    opened[id] = row
  end
  if row and row[2][1] >= bucket(clk) - BUCKETS_KEPT then return row[1], row[2] end
  return nil
end
local function write_reservation(id, raw, born)
  reservations[id], opened[id], changed_rs[id] = raw, nil, born
end
local function end_reservation(id, row, outcome)
  write_reservation(id, pack(outcome) .. reservations[id]:sub(2), row[1])
  opened[id] = {outcome, row}
end
-- The reservations that results name; their accounts have slots, to be fetched.
local function fetch_settled(ids, clk)
  fetch_buckets('rs:', ids, clk, function(id, raw)
    if reservations[id] then return end
    reservations[id], opened[id] = raw, {unpack_msg(raw)}
    for _, part in ipairs(opened[id][2][5]) do slot_for('c', part[1]) end
    for _, set in ipairs(opened[id][2][6]) do slot_for('w', set[1]) end
  end)
end
