-- Accounts: the one function that changes them, `execute(op, clk)`, for deciding and for recovery alike.
-- accounts.py says the same; a differential test holds the two together.
-- Rows: c {at, keep, used, freed, uncovered, parts in o:<account>}  g {at, keep, tat}  n {at, keep, live, committed}
--       w {at, keep, window}  r {at, keep, owner}

local function is_run(key) return key:sub(1, 4) == 'run:' end

-- Take expired parts off `used`.
local function sweep_parts(account, row, clk)
  local gone = {}
  expired_parts(account, row, clk, function(id, amount) gone[#gone + 1] = {id, amount} end)
  for _, part in ipairs(gone) do
    row[3] = row[3] - part[2]
    drop_part(account, row, part[1], part[2])
  end
end

local run = {}

function run.reserve(clk, gives, id, expires_at, digest, tool, parts, sets)
  write_reservation(id, {bucket(clk), expires_at, digest, tool, parts, '', sets})
  for _, part in ipairs(parts) do
    local row = touch('c:' .. part[1], part[6], clk)
    if part[5] == 'release' then
      sweep_parts(part[1], row, clk)
      note_part(part[1], row, id, expires_at, part[3])
    end
    row[3] = row[3] + part[3]
  end
end

function run.settle(clk, gives, id, outcome, actuals, records)
  local reservation = read_reservation(id, clk)
  reservation[6] = outcome
  write_reservation(id, reservation)
  for i, part in ipairs(reservation[5]) do
    local name, spent, freed, uncovered = part[1], actuals[i][2], actuals[i][3], actuals[i][4]
    local row = touch('c:' .. name, part[6], clk)
    if part[5] == 'release' and reservation[2] <= clk then
      sweep_parts(name, row, clk)
      row[3] = row[3] + spent
    else
      if part[5] == 'release' then drop_part(name, row, id, part[3]) end
      row[3] = row[3] - freed
      row[4] = row[4] + freed
      if freed > 0 then gives[#gives + 1] = {'c', name, freed} end
    end
    row[5] = min(AMOUNT_MAX, row[5] + uncovered)
  end
  if #records > 0 then
    for _, set in ipairs(reservation[7]) do run.window(clk, gives, set[1], records, set[2], set[3]) end
  end
end

function run.spend(clk, gives, name, spent, uncovered, keep)
  local row = touch('c:' .. name, keep, clk)
  row[3] = row[3] + spent
  row[5] = min(AMOUNT_MAX, row[5] + uncovered)
end

function run.rate(clk, gives, key, increment_us, keep)
  local row = touch('g:' .. key, keep, clk)
  row[3] = max(row[3], clk * 1000) + increment_us
end

function run.window(clk, gives, key, records, window_ms, keep)
  local row = touch('w:' .. key, keep, clk)
  local set = read_set(key, clk)
  row[3] = window_ms
  local mine = changed[key] or {}
  for _, record in ipairs(records) do
    if not set.seen[record] then set.count = set.count + 1 end
    set.seen[record] = clk
    set.queue[#set.queue + 1] = {record, clk}
    mine[record] = clk
  end
  changed[key] = mine
end

function run.count(clk, gives, key, n, keep)
  local row = touch('n:' .. key, keep, clk)
  row[3] = row[3] + n
  if is_run(key) then
    row[4] = row[4] + n
  else
    gives[#gives + 1] = {'n', key, n}
  end
end

function run.own(clk, gives, run_id, owner, keep)
  touch('r:' .. run_id, keep, clk, owner)
end

-- Execute one op {name, args...}; what it gives is appended to `gives`.
local function execute(op, clk, gives)
  run[op[1]](clk, gives, unpack(op, 2))
end

-- Make available what committed records gave.
local function give(gives)
  for _, one in ipairs(gives) do
    local name = one[1] .. ':' .. one[2]
    local row = read(name)
    if row then
      if one[1] == 'c' then
        row[4] = max(0, row[4] - one[3])
      else
        row[4] = row[4] + one[3]
      end
      dirty[name] = true
    end
  end
end
