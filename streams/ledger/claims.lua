-- Claims: what stands against them, the ops that take them, and the levels after. taking.py says the same; a
-- differential test holds the two together. Looks at accounts and changes none.

-- What the call says in the end: numbers (and the texts of settlements) behind each other, see decide.lua.
local out, at = {}, 0

local zones, known_labels = {}, {}

local function civil(days)
  local z = days + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  return yoe + era * 400 + (month <= 2 and 1 or 0), month, doy - floor((153 * mp + 2) / 5) + 1
end

-- The window's label at clk: windows.py says the same. `zones` maps a zone to its {from_ms, offset_ms} pairs.
local function label_at(window, clk)
  local quarter = floor(clk / 900000)
  local known = known_labels[window]
  if known and known[1] == quarter then return known[2] end
  local text
  local kind, tz = window:match('^(%a+):(.*)$')
  local shift = 0
  local offsets = zones[tz]
  if offsets then
    shift = offsets[1][2]
    for _, pair in ipairs(offsets) do
      if pair[1] > clk then break end
      shift = pair[2]
    end
  end
  local local_ms = clk + shift
  local year, month, day = civil(floor(local_ms / 86400000))
  if kind == 'month' then
    text = format('%04d-%02d', year, month)
  elseif kind == 'day' then
    text = format('%04d-%02d-%02d', year, month, day)
  else
    text = format('%04d-%02d-%02dT%02d', year, month, day, floor(local_ms % 86400000 / 3600000))
  end
  known_labels[window] = {quarter, text}
  return text
end

-- Gives a base the account of its window at clk.
local function relabel(base, clk)
  base[4] = slot_for('c', base[1] .. '@' .. label_at(base[2], clk))
  base[3] = (floor(clk / 900000) + 1) * 900000
end

-- Slots for the windows at clk, so that their accounts are fetched with the others.
local function relabel_all(clk)
  for _, base in ipairs(bases) do
    if base[3] <= clk then relabel(base, clk) end
  end
end

-- Puts, for good, slots in place of an ask's bases: the accounts of the windows at clk.
local function settle_windows(ask, from, upto, clk)
  for j = from, upto, 3 do
    local k = ask[j]
    if C[k] <= SPEND and C[k + 4] ~= '' then
      local base = bases[ask[j + 1]]
      if base[3] <= clk then
        relabel(base, clk)
        fetch()
      end
      ask[j + 1] = base[4]
    end
  end
end

-- The account's name in the reply: 0 where the claim says it.
local function label_of_money(k, slot) return C[k + 4] == '' and 0 or label_of[slot] or label_for(slot) end

local function used_of(slot, clk)
  local row = rows[slot]
  if not row or (row[2] ~= 0 and row[1] + row[2] <= clk) then return 0 end
  local used = row[3] + row[4]
  if row[6] > 0 and row[7] <= clk then
    local gone = expired_parts(slot, row, clk)
    for i = 2, #gone, 2 do used = used - gone[i] end
  end
  return used
end

-- The level at which a claim is refused, or nil.
local function level_against(k, slot, value, clk)
  local kind = C[k]
  if kind == CHARGE then
    local used = used_of(slot, clk)
    return used + value > C[k + 1] and used or nil
  elseif kind == DISTINCT then
    local found = distinct(slot, value, C[k + 3], clk)
    return found > C[k + 1] and found or nil
  elseif kind == DEADLINE then
    return clk > value and clk - value or nil
  elseif kind == SPEND or (kind == REMEMBER and not C[k + 3]) then
    return nil
  end
  local row = rows[slot]
  if row and row[2] ~= 0 and row[1] + row[2] <= clk then row = nil end
  if kind == REMEMBER then return row and not has_room(row[3], row[4], value[1], value[2]) and row[4] or nil end
  local live = row and row[3] or 0
  if kind == FORBID then
    return live >= C[k + 1] and live or nil
  elseif kind == RATE then
    local over = live - clk * 1000 - C[k + 3]
    return over > 0 and over or nil
  elseif kind == COUNT then
    return C[k + 3] >= 0 and live + C[k + 1] > C[k + 3] and live or nil
  elseif kind == OWN then
    if not row then return nil end
    return row[3] ~= value and 1 or row[1] + C[k + 1] <= clk and 2 or nil
  end
  live = row and row[is_run(slot) and 3 or 4] or 0
  return live < C[k + 1] and live or nil
end

local function take_spend(k, ref, value, place, clk)
  local amount = value[1]
  local spent = min(amount, max(0, C[k + 1] - used_of(ref, clk)))
  out[at + 1] = SPENT
  out[at + 2] = place
  out[at + 3] = label_of_money(k, ref)
  out[at + 4] = spent
  out[at + 5] = amount - spent
  at = at + 5
  if spent == amount or value[2] == '' then return 1 end
  out[at + 1] = LATCHED
  out[at + 2] = place
  at = at + 2
  return 2
end

-- Says the ops that take the claim at `place`, but for what the reservation takes; returns how many.
local function take(k, ref, value, place, clk)
  local kind = C[k]
  if kind == RATE or kind == COUNT or kind == REMEMBER or (kind == DISTINCT and value[1])
    or (kind == OWN and (C[k + 3] or not find(ref, clk))) then
    at = at + 1
    out[at] = place
    return 1
  elseif kind == SPEND then
    return take_spend(k, ref, value, place, clk)
  end
  return 0
end

-- Says the op that reserves the charges among the claims from ask[from] to ask[upto].
local function take_reserve(ask, i, from, upto, clk)
  out[at + 1] = RESERVED
  out[at + 2] = clk + ask[i + 9]
  out[at + 3] = 0
  local charges, size = at + 3, 0
  at = at + 3
  for j = from, upto, 3 do
    local k = ask[j]
    if C[k] == CHARGE then
      at = at + 1
      out[at] = label_of_money(k, ask[j + 1])
      size = size + 1
    end
  end
  out[charges] = size
  return 1
end

-- Says a claim's level after the decision, for people: label and used, or the level alone, or nothing.
local NOTHING = {}
local function level_after(k, ref, clk)
  local kind = C[k]
  if kind <= SPEND then
    out[at + 1] = label_of_money(k, ref)
    out[at + 2] = used_of(ref, clk)
    at = at + 2
  elseif kind == DISTINCT then
    at = at + 1
    out[at] = distinct(ref, NOTHING, C[k + 3], clk)
  elseif kind == COUNT then
    local row = find(ref, clk)
    at = at + 1
    out[at] = row and row[3] or 0
  end
end

local function wanted_of(part, asked)
  if asked[4] then return 0 end
  return asked[5][part[2]] or part[3]
end

-- What a result or a release {id, digest, tool, void, {unit -> actual}, records, says} does: says the op, if there is
-- one, and returns its note.
local UNKNOWN, RELEASED = 1, 2
local function gives_back(parts)
  for _, part in ipairs(parts) do
    if part[5] == 'release' then return true end
  end
  return false
end
local function settle(asked, clk)
  local ended, found = read_reservation(asked[1], clk)
  if not found then return 'unknown' end
  if ended ~= '' then return 'ended' end
  if found[3] ~= asked[2] or found[4] ~= asked[3] then return 'mismatch' end
  local alive, void = found[2] > clk, asked[4]
  if asked[7] == RELEASED and alive then return 'running' end
  if asked[7] == UNKNOWN and not gives_back(found[5]) then return 'unresolved' end
  local outcome = void and 'void' or alive and 'settled' or 'late'
  for _, part in ipairs(found[5]) do
    local room = not alive and part[5] == 'release' and part[4] - used_of(slot_for('c', part[1]), clk)
    if room and wanted_of(part, asked) > room then outcome = 'uncovered' end
  end
  out[at + 1] = SETTLED
  out[at + 2] = asked[1]
  out[at + 3] = outcome
  out[at + 4] = #found[5]
  at = at + 4
  for _, part in ipairs(found[5]) do
    local wanted = wanted_of(part, asked)
    local spent, freed, uncovered
    if not alive and part[5] == 'release' then
      if outcome == 'uncovered' then spent, uncovered = 0, wanted else spent, uncovered = wanted, 0 end
      freed = 0
    else
      spent = min(wanted, part[3])
      freed, uncovered = part[3] - spent, wanted - spent
    end
    out[at + 1] = label_for(slot_for('c', part[1]))
    out[at + 2] = spent
    out[at + 3] = freed
    out[at + 4] = uncovered
    at = at + 4
  end
  local records = void and NOTHING or asked[6]
  at = at + 1
  out[at] = #records
  for i = 1, #records do
    at = at + 1
    out[at] = records[i]
  end
  return outcome
end
