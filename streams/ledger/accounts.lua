-- Accounts: the one function that changes them, `execute`, for deciding and for recovery alike.
-- accounts.py says the same; a differential test holds the two together.
--
-- A claim is three values, {terms, name, value}; `terms` says where in the list of terms that comes with the asks the
-- claim's own begin, six of them (claim_terms.py); value is what no other claim shares:
--   charge   1 max keep unit window on_expiry  amount    spend  2 max keep unit window  {amount, latch or ''}
--   rate     3 increment_us keep tau_us        0         distinct 4 max keep window_ms trued  {record, ...}
--   count    5 n keep max or -1                0         require  6 n keep  0           forbid 7 n keep  0
--   own      8 idle_ms keep touch              owner     deadline 9  at_ms
--   remember 10 trusted keep must              {name, text}
-- `resolve` puts in place of its name the account's slot; or, where there is a window, a number of `bases`, until the
-- time says which account that is (settle_windows).
--
-- An ask is ASK values (decide.lua), then its claims: always, claims, on_deny; known by their place from 0 on.
-- Ops lie flat behind each other, each beginning with a place or a negative number:
--   place                                                          rate, count, own, window, remember
--   -1, place, label, spent, uncovered                             spend
--   -2, place                                                      count of a spend's latch
--   -3, expires_at, n, label of each charge...                     reserve: all charges of the ask, and its sets
--   -4, id, outcome, n, {label, spent, freed, uncovered}..., n, record...   settle
-- A label is a number of the reply's own names: accounts whose name the ledger makes. 0 is the claim's own name.

local CHARGE, SPEND, RATE, DISTINCT, COUNT, REQUIRE, FORBID, OWN, DEADLINE = 1, 2, 3, 4, 5, 6, 7, 8, 9
local REMEMBER = 10
local KIND = {'c', 'c', 'g', 'w', 'n', 'n', 'n', 'r', '', 'f'}
local ASK, SPENT, LATCHED, RESERVED, SETTLED = 16, -1, -2, -3, -4

local C = {} -- the list of terms in use
local own_names, label_of = {}, {} -- the reply's own names, and their numbers by slot
local known_bases, bases = {}, {} -- window -> name -> number; {name, window, until when its slot holds, slot}

local function label_for(slot)
  local number = label_of[slot]
  if not number then
    number = #own_names + 1
    own_names[number], label_of[slot] = names[slot], number
  end
  return number
end

local function base_for(window, name)
  local known = known_bases[window]
  if not known then
    known = {}
    known_bases[window] = known
  end
  local number = known[name]
  if not number then
    number = #bases + 1
    bases[number], known[name] = {name, window, 0, 0}, number
  end
  return number
end

-- Puts slots, to be fetched, in place of the names of an ask's claims. Windows come later: they need the time.
local function resolve(ask, from, upto)
  for j = from, upto, 3 do
    local k = ask[j]
    local kind = C[k]
    if kind <= SPEND and C[k + 4] ~= '' then
      ask[j + 1] = base_for(C[k + 4], ask[j + 1])
    elseif kind ~= DEADLINE then
      local name, of = ask[j + 1], KIND[kind]
      ask[j + 1] = slot_of[of][name] or slot_for(of, name)
    end
    if kind == SPEND and ask[j + 2][2] ~= '' then ask[j + 2][2] = slot_for('n', ask[j + 2][2]) end
  end
end

local function is_run(slot) return names[slot]:sub(1, 4) == 'run:' end

local function count(slot, n, keep, clk, gives)
  local row = touch(slot, keep, clk)
  row[3] = row[3] + n
  if is_run(slot) then
    row[4] = row[4] + n
  else
    gives[#gives + 1] = slot
    gives[#gives + 1] = n
  end
end

local function array_head(n)
  if n < 16 then return string.char(144 + n) end
  return string.char(220, floor(n / 256), n % 256)
end

local scratch = {'', '', '', '', '', ''} -- what a reservation's text is put together from
local heads = {} -- how a part's text begins, by slot
local packed_values = {}
local function packed(value)
  local text = packed_values[value]
  if not text then
    text = pack(value)
    packed_values[value] = text
  end
  return text
end

-- What a packed reservation says of every charge or set with these terms.
local term_texts = {}
local function pack_terms(k)
  local texts_of = C[k] == CHARGE and {pack(C[k + 3]), pack(C[k + 1]) .. pack(C[k + 5]) .. pack(C[k + 2])}
    or {pack(C[k + 3]) .. pack(C[k + 2])}
  term_texts[k] = texts_of
  return texts_of
end

local function reserve_part(k, slot, amount, id, expires_at, clk)
  local row = touch(slot, C[k + 2], clk)
  if C[k + 5] == 'release' then
    sweep_parts(slot, row, clk)
    note_part(slot, row, id, expires_at, amount)
  end
  row[3] = row[3] + amount
end

-- Takes the ask's charges and remembers them, and its sets, as its reservation.
local function reserve(ask, i, expires_at, clk)
  local id, from = ask[i + 8], i + ASK + 3 * ask[i + 13]
  local text, size, parts, sets_kept = scratch, 6, 0, ''
  local kept = 0
  for j = from, from + 3 * ask[i + 14] - 1, 3 do
    local k = ask[j]
    local kind = C[k]
    if kind == CHARGE then
      local slot, amount, terms = ask[j + 1], ask[j + 2], term_texts[k] or pack_terms(k)
      reserve_part(k, slot, amount, id, expires_at, clk)
      local head = heads[slot]
      if not head then
        head = '\150' .. pack(names[slot])
        heads[slot] = head
      end
      text[size + 1] = head
      text[size + 2] = terms[1]
      text[size + 3] = packed(amount)
      text[size + 4] = terms[2]
      size, parts = size + 4, parts + 1
    elseif kind == DISTINCT and C[k + 4] then
      kept = kept + 1
      sets_kept = sets_kept .. '\147' .. pack(names[ask[j + 1]]) .. (term_texts[k] or pack_terms(k))[1]
    end
  end
  text[1], text[2], text[3] = '\160\150', packed(bucket(clk)), packed(expires_at)
  text[4], text[5], text[6] = pack(ask[i + 10]), packed(ask[i + 11]), array_head(parts)
  text[size + 1] = array_head(kept)
  text[size + 2] = sets_kept
  write_reservation(id, table.concat(text, '', 1, size + 2), bucket(clk))
end

local function settle_parts(id, row, ops, i, clk, gives)
  for _, part in ipairs(row[5]) do
    local slot, spent, freed, uncovered = slot_for('c', part[1]), ops[i + 1], ops[i + 2], ops[i + 3]
    local money = touch(slot, part[6], clk)
    if part[5] == 'release' and row[2] <= clk then
      sweep_parts(slot, money, clk)
      money[3] = money[3] + spent
    else
      if part[5] == 'release' then drop_part(slot, money, id, part[3]) end
      money[3] = money[3] - freed
      money[4] = money[4] + freed
      if freed > 0 then
        gives[#gives + 1] = slot
        gives[#gives + 1] = freed
      end
    end
    money[5] = min(AMOUNT_MAX, money[5] + uncovered)
    i = i + 4
  end
end

local function end_with(ops, i, clk, gives)
  local id, outcome, parts = ops[i + 1], ops[i + 2], ops[i + 3]
  local _, row = read_reservation(id, clk)
  end_reservation(id, row, outcome)
  settle_parts(id, row, ops, i + 4, clk, gives)
  i = i + 4 + 4 * parts
  local records = {}
  for n = 1, ops[i] do records[n] = ops[i + n] end -- a result may name more than unpack can
  if #records > 0 then
    for _, set in ipairs(row[6]) do add_records(slot_for('w', set[1]), records, set[2], set[3], clk) end
  end
  return i + 1 + #records
end

local function execute_simple(k, slot, value, clk, gives)
  local kind = C[k]
  if kind == RATE then
    local row = touch(slot, C[k + 2], clk)
    row[3] = max(row[3], clk * 1000) + C[k + 1]
  elseif kind == COUNT then
    count(slot, C[k + 1], C[k + 2], clk, gives)
  elseif kind == DISTINCT then
    add_records(slot, value, C[k + 3], C[k + 2], clk)
  elseif kind == REMEMBER then
    put_fact(slot, touch(slot, C[k + 2], clk), value[1], value[2])
  else
    local row = touch(slot, C[k + 2], clk)
    if row[3] == 0 then row[3] = value end
  end
end

-- Execute the op at ops[i] of the ask that begins at ask[a]; what it gives is appended to `gives`, slot and amount.
-- Returns where the next op is.
local function execute(ask, a, ops, i, clk, gives)
  local op = ops[i]
  if op >= 0 then
    local j = a + ASK + 3 * op
    execute_simple(ask[j], ask[j + 1], ask[j + 2], clk, gives)
    return i + 1
  elseif op == RESERVED then
    reserve(ask, a, ops[i + 1], clk)
    return i + 3 + ops[i + 2]
  elseif op == SETTLED then
    return end_with(ops, i, clk, gives)
  end
  local j = a + ASK + 3 * ops[i + 1]
  if op == LATCHED then
    count(ask[j + 2][2], 1, C[ask[j] + 2], clk, gives)
    return i + 2
  end
  local row = touch(ask[j + 1], C[ask[j] + 2], clk)
  row[3] = row[3] + ops[i + 3]
  row[5] = min(AMOUNT_MAX, row[5] + ops[i + 4])
  return i + 5
end

-- Make available what committed records gave; the account must have been fetched.
local function give(slot, amount)
  local row = rows[slot]
  if row then
    if kinds[slot] == 'c' then
      row[4] = max(0, row[4] - amount)
    else
      row[4] = row[4] + amount
    end
    soil(slot)
  end
end
