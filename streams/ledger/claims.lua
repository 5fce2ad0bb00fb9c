-- Claims: what stands against them, and the ops that take them. Reads the cache and changes nothing.
-- taking.py says the same; a differential test holds the two together.
-- A claim is {terms, ...}; `terms` numbers an entry of the call's list of terms {kind, ...}, which most intents share:
--   charge {terms, account, amount}            {1, unit, max, window, on_expiry, keep}
--   spend {terms, account, amount, latch}      {2, unit, max, window, keep}
--   rate {terms, key}                          {3, increment_us, tau_us, keep}
--   distinct {terms, key, records}             {4, max, window_ms, keep, trued}
--   count {terms, key}                         {5, n, max or -1, keep}
--   require {terms, key}  forbid {terms, key}  {6, n, keep}  {7, n, keep}
--   own {terms, run, owner}                    {8, idle_ms, keep, touch}
--   deadline {terms, at_ms}                    {9}

local CHARGE, SPEND, RATE, DISTINCT, COUNT, REQUIRE, FORBID, OWN, DEADLINE = 1, 2, 3, 4, 5, 6, 7, 8, 9
local zones, terms, labels = {}, {}, {}

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
local function label(window, clk)
  local quarter = floor(clk / 900000)
  local known = labels[window]
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
  local at = clk + shift
  local year, month, day = civil(floor(at / 86400000))
  if kind == 'month' then
    text = format('%04d-%02d', year, month)
  elseif kind == 'day' then
    text = format('%04d-%02d-%02d', year, month, day)
  else
    text = format('%04d-%02d-%02dT%02d', year, month, day, floor(at % 86400000 / 3600000))
  end
  labels[window] = {quarter, text}
  return text
end

-- The charge account's full name, found once for a claim.
local function account_name(claim, window, clk)
  local name = claim.name
  if not name then
    name = window == '' and claim[2] or claim[2] .. '@' .. label(window, clk)
    claim.name = name
  end
  return name
end

local function used_of(name, clk)
  local row = find('c:' .. name, clk)
  if not row then return 0 end
  local used = row[3] + row[4]
  if row[6] > 0 then
    expired_parts(name, row, clk, function(_, amount) used = used - amount end)
  end
  return used
end

local function counter(key, clk)
  local row = find('n:' .. key, clk)
  if not row then return 0, 0 end
  return row[3], row[4]
end

-- How many records count at clk, with these ones.
local function distinct(key, records, window_ms, clk)
  local count, seen = 0, {}
  if find('w:' .. key, clk) then
    local set = read_set(key, clk)
    if window_ms > 0 then
      while set.queue[set.head] and set.queue[set.head][2] <= clk - window_ms do
        local record, at = set.queue[set.head][1], set.queue[set.head][2]
        if set.seen[record] == at then
          set.seen[record] = nil
          set.count = set.count - 1
        end
        set.head = set.head + 1
      end
    end
    count, seen = set.count, set.seen
  end
  local mine = {}
  for _, record in ipairs(records) do
    if not seen[record] and not mine[record] then
      mine[record] = true
      count = count + 1
    end
  end
  return count
end

-- The level at which the claim is refused, or nil.
local function level_against(claim, clk)
  local of = terms[claim[1]]
  local kind = of[1]
  if kind == CHARGE then
    local used = used_of(account_name(claim, of[4], clk), clk)
    if used + claim[3] > of[3] then return used end
  elseif kind == RATE then
    local row = find('g:' .. claim[2], clk)
    local over = (row and row[3] or 0) - clk * 1000 - of[3]
    if over > 0 then return over end
  elseif kind == DISTINCT then
    local count = distinct(claim[2], claim[3], of[3], clk)
    if count > of[2] then return count end
  elseif kind == COUNT then
    local live = counter(claim[2], clk)
    if of[3] >= 0 and live + of[2] > of[3] then return live end
  elseif kind == REQUIRE then
    local live, committed = counter(claim[2], clk)
    local seen = is_run(claim[2]) and live or committed
    if seen < of[2] then return seen end
  elseif kind == FORBID then
    local live = counter(claim[2], clk)
    if live >= of[2] then return live end
  elseif kind == OWN then
    local row = find('r:' .. claim[2], clk)
    if row and row[3] ~= claim[3] then return 1 end
    if row and row[1] + of[2] <= clk then return 2 end
  elseif kind == DEADLINE then
    if clk > claim[2] then return clk - claim[2] end
  end
  return nil
end

local function take_spend(claim, of, clk, ops)
  local name = account_name(claim, of[4], clk)
  local spent = min(claim[3], max(0, of[3] - used_of(name, clk)))
  ops[#ops + 1] = {'spend', name, spent, claim[3] - spent, of[5]}
  if spent < claim[3] and claim[4] ~= '' then ops[#ops + 1] = {'count', claim[4], 1, of[5]} end
end

-- Append the ops that take every claim; to be called only when none is refused.
local function take(claims, reserve, clk, ops)
  local parts, sets = {}, {}
  for _, claim in ipairs(claims) do
    local of = terms[claim[1]]
    local kind = of[1]
    if kind == CHARGE then
      parts[#parts + 1] = {account_name(claim, of[4], clk), of[2], claim[3], of[3], of[5], of[6]}
    elseif kind == SPEND then
      take_spend(claim, of, clk, ops)
    elseif kind == RATE then
      ops[#ops + 1] = {'rate', claim[2], of[2], of[4]}
    elseif kind == DISTINCT then
      if of[5] then sets[#sets + 1] = {claim[2], of[3], of[4]} end
      if #claim[3] > 0 then ops[#ops + 1] = {'window', claim[2], claim[3], of[3], of[4]} end
    elseif kind == COUNT then
      ops[#ops + 1] = {'count', claim[2], of[2], of[4]}
    elseif kind == OWN and (of[4] or not find('r:' .. claim[2], clk)) then
      ops[#ops + 1] = {'own', claim[2], claim[3], of[3]}
    end
  end
  if reserve then
    ops[#ops + 1] = {'reserve', reserve[1], clk + reserve[2], reserve[3], reserve[4], parts, sets}
  end
end

-- {account, used} of a claim after the decision, for people.
local function level_after(claim, clk)
  local of = terms[claim[1]]
  local kind = of[1]
  if kind == CHARGE or kind == SPEND then
    local name = account_name(claim, of[4], clk)
    return {name, used_of(name, clk)}
  elseif kind == DISTINCT then
    return {claim[2], distinct(claim[2], {}, of[3], clk)}
  elseif kind == COUNT then
    return {claim[2], (counter(claim[2], clk))}
  end
  return {'', 0}
end

-- What a result {id, digest, tool, void, {unit -> actual}, records} does: a note and the ops.
local function settle(asked, clk)
  local found = read_reservation(asked[1], clk)
  if not found then return 'unknown', {} end
  if found[6] ~= '' then return 'ended', {} end
  if found[3] ~= asked[2] or found[4] ~= asked[3] then return 'mismatch', {} end
  local alive, void = found[2] > clk, asked[4]
  local outcome = void and 'void' or alive and 'settled' or 'late'
  local wanted = {}
  for i, part in ipairs(found[5]) do
    wanted[i] = void and 0 or asked[5][part[2]] or part[3]
    if not alive and part[5] == 'release' and wanted[i] > part[4] - used_of(part[1], clk) then
      outcome = 'uncovered'
    end
  end
  local rows = {}
  for i, part in ipairs(found[5]) do
    if not alive and part[5] == 'release' then
      rows[i] = outcome == 'uncovered' and {part[1], 0, 0, wanted[i]} or {part[1], wanted[i], 0, 0}
    else
      local spent = min(wanted[i], part[3])
      rows[i] = {part[1], spent, part[3] - spent, wanted[i] - spent}
    end
  end
  return outcome, {{'settle', asked[1], outcome, rows, void and {} or asked[6]}}
end
