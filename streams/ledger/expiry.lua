-- Expiry: what of an account goes by time. Sliding sets lie in w:<key> and releasable parts of reservations in
-- o:<account>, both by time; a row says from when on something may have expired, so most calls read neither.

-- set: n members at the call's time; at: record -> its time, false when it is known to be none, nil when Redis has
-- not been asked; queue from head on: record, time, ... oldest first, of what can expire in this call, nil while that is
-- nothing; cut: up to here members have gone; new: the records to be written.
local function push(set, record, at)
  local queue = set.queue
  if not queue then
    queue = {}
    set.queue, set.head = queue, 1
  end
  queue[#queue + 1] = record
  queue[#queue + 1] = at
end

local function load_whole(set, slot)
  local all = {}
  if set.stored then
    local raw = call('ZRANGE', L .. 'w:' .. names[slot], 0, -1, 'WITHSCORES')
    for i = 1, #raw, 2 do
      if set.at[raw[i]] == nil then set.at[raw[i]] = tonumber(raw[i + 1]) end
    end
  end
  for record, at in pairs(set.at) do
    if at then all[#all + 1] = record end
  end
  table.sort(all, function(a, b) return set.at[a] < set.at[b] end)
  set.queue = nil
  for _, record in ipairs(all) do push(set, record, set.at[record]) end
end

local function open_set(slot, row, window)
  local set = sets[slot]
  if not set then
    set = {n = row[4], at = {}, window = row[3], stored = row[4] > 0 and not fresh[slot], cut = false, new = false}
    sets[slot] = set
    if set.stored and window == row[3] and window > 0 and row[5] <= horizon - window then
      local raw = call('ZRANGEBYSCORE', L .. 'w:' .. names[slot], '-inf', int(horizon - window), 'WITHSCORES')
      for i = 1, #raw, 2 do
        local at = tonumber(raw[i + 1])
        set.at[raw[i]] = at
        push(set, raw[i], at)
      end
    end
  end
  if set.window ~= window then
    if set.n > 0 then load_whole(set, slot) end
    set.window = window
  end
  return set
end

local function evict(set, row, cut)
  local queue, head, at = set.queue, set.head, set.at
  if not queue then return end
  while queue[head] and queue[head + 1] <= cut do
    local record = queue[head]
    if at[record] == queue[head + 1] then
      at[record] = false
      set.n = set.n - 1
      set.cut, row[4], row[5] = cut, set.n, cut + 1
    end
    head = head + 2
  end
  set.head = head
end

local function is_member(set, slot, record)
  local at = set.at[record]
  if at == nil then
    at = set.stored and tonumber(call('ZSCORE', L .. 'w:' .. names[slot], record) or nil) or false
    set.at[record] = at
  end
  return at
end

-- How many records count at clk, with these ones.
local function distinct(slot, records, window, clk)
  local row = find(slot, clk)
  local set
  local count = 0
  if row then
    set = open_set(slot, row, window)
    if window > 0 then evict(set, row, clk - window) end
    count = set.n
  end
  local mine = records[2] and {} -- two may be the same
  for i = 1, #records do
    local record = records[i]
    if not (mine and mine[record]) and not (set and is_member(set, slot, record)) then
      if mine then mine[record] = true end
      count = count + 1
    end
  end
  return count
end

-- Records touched at clk.
local function add_records(slot, records, window, keep, clk)
  local row = touch(slot, keep, clk)
  local set = open_set(slot, row, window)
  row[3] = window
  if window > 0 then evict(set, row, clk - window) end
  if set.n == 0 then row[5] = clk end
  set.new = set.new or {}
  for i = 1, #records do
    local record = records[i]
    if not is_member(set, slot, record) then set.n = set.n + 1 end
    set.at[record] = clk
    set.new[#set.new + 1] = record
    if clk <= horizon - window then push(set, record, clk) end
  end
  row[4] = set.n
end

-- parts: what this call adds, slot -> id -> {expires_at, amount}, and removes, slot -> member -> true
local function note_part(slot, row, id, expires_at, amount)
  row[7] = row[6] > 0 and min(row[7], expires_at) or expires_at
  row[6] = row[6] + 1
  added[slot] = added[slot] or {}
  added[slot][id] = {expires_at, amount}
end
local function drop_part(slot, row, id, amount)
  row[6] = row[6] - 1
  local mine = added[slot]
  if mine and mine[id] then
    mine[id] = nil
  else
    removed[slot] = removed[slot] or {}
    removed[slot][id .. '|' .. int(amount)] = true
  end
end

-- The parts that have expired by clk, {id, amount, ...}. Where there are none, the row learns when to look again.
local NONE = {}
local function expired_parts(slot, row, clk)
  if row[6] == 0 or row[7] > clk then return NONE end
  local found, nearest = {}, nil
  if not fresh[slot] then
    local gone, key = removed[slot], L .. 'o:' .. names[slot]
    for _, member in ipairs(call('ZRANGEBYSCORE', key, '-inf', int(clk))) do
      if not (gone and gone[member]) then
        local id, amount = member:match('^(.*)|(%d+)$')
        found[#found + 1] = id
        found[#found + 1] = tonumber(amount)
      end
    end
    if #found == 0 then
      local next_one = call('ZRANGEBYSCORE', key, '(' .. int(clk), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
      nearest = tonumber(next_one[2])
    end
  end
  for id, part in pairs(added[slot] or NONE) do
    if part[1] <= clk then
      found[#found + 1] = id
      found[#found + 1] = part[2]
    end
    nearest = min(nearest or part[1], part[1])
  end
  if #found == 0 and nearest then row[7] = nearest end
  return found
end

-- Take expired parts off `used`.
local function sweep_parts(slot, row, clk)
  local gone = expired_parts(slot, row, clk)
  for i = 1, #gone, 2 do
    row[3] = row[3] - gone[i + 1]
    drop_part(slot, row, gone[i], gone[i + 1])
  end
end
