-- Flush: the one place that writes accounts, ids and reservations, after everything has been computed.

local DUE_MS = 3600000

-- Removes what lies beside an account's row.
local function unlink_under(kind, name)
  if kind == 'c' then call('UNLINK', L .. 'o:' .. name) end
  if kind == 'w' then call('UNLINK', L .. 'w:' .. name) end
  if kind == 'f' then call('UNLINK', L .. 'f:' .. name) end
end

local function write_set(slot)
  local set, key, values = sets[slot], L .. 'w:' .. names[slot], {}
  for _, record in ipairs(set.new or values) do
    if set.at[record] then
      values[#values + 1] = int(set.at[record])
      values[#values + 1] = record
    end
  end
  write_many('ZADD', key, values)
  if set.cut and set.stored then call('ZREMRANGEBYSCORE', key, '-inf', int(set.cut)) end
end

local function write_parts(slot)
  local key, values = L .. 'o:' .. names[slot], {}
  for member in pairs(removed[slot] or {}) do values[#values + 1] = member end
  write_many('ZREM', key, values)
  values = {}
  for id, part in pairs(added[slot] or {}) do
    values[#values + 1] = int(part[1])
    values[#values + 1] = id .. '|' .. int(part[2])
  end
  write_many('ZADD', key, values)
end

local function write_facts(slot)
  local key, put, gone = L .. 'f:' .. names[slot], {}, {}
  for name in pairs(changed_facts[slot]) do
    local text = facts[slot][name]
    if text then
      put[#put + 1] = name
      put[#put + 1] = text
    else
      gone[#gone + 1] = name
    end
  end
  write_many('HDEL', key, gone)
  write_many('HSET', key, put)
end

-- Accounts that are kept for a time are listed under the hour in which that time may be over.
local function write_due(slot, row, due)
  local hour = floor((row[1] + row[2]) / DUE_MS)
  local list = due[hour]
  if not list then
    list = {}
    due[hour] = list
  end
  list[#list + 1] = kinds[slot] .. names[slot]
end

local function write_accounts()
  local due = {}
  for kind, of in pairs(by_kind(touched)) do
    local values, size = {}, 0
    for _, slot in ipairs(of) do
      local row = rows[slot]
      values[size + 1] = names[slot]
      values[size + 2] = row_text(kind, row)
      size = size + 2
      if stale[slot] then
        unlink_under(kind, names[slot])
      elseif fresh[slot] and row[2] > 0 then
        write_due(slot, row, due)
      end
    end
    write_many('HSET', L .. 'a:' .. kind, values)
  end
  for slot in pairs(sets) do
    if dirty[slot] then write_set(slot) end
  end
  for slot in pairs(changed_facts) do write_facts(slot) end
  for _, slot in ipairs(touched) do
    if added[slot] or removed[slot] then write_parts(slot) end
  end
  local listed = 0
  for hour, list in pairs(due) do
    write_many('RPUSH', L .. 'due:' .. int(hour), list)
    listed = listed + #list
  end
  return listed
end

local function write_buckets()
  local by_born = {}
  for id, born in pairs(changed_rs) do
    local list = by_born[born]
    if not list then
      list = {}
      by_born[born] = list
    end
    list[#list + 1] = id
    list[#list + 1] = reservations[id]
  end
  for born, list in pairs(by_born) do write_many('HSET', L .. 'rs:' .. int(born), list) end
  for born, list in pairs(new_ids) do write_many('HSET', L .. 'dd:' .. int(born), list) end
end

local function forget(kind, name)
  call('HDEL', L .. 'a:' .. kind, name)
  unlink_under(kind, name)
end

-- Takes accounts off the list of an hour that is over: those that are still kept go to the hour of their new time.
local function sweep_hour(hour, count)
  local key = L .. 'due:' .. int(hour)
  local due = call('LPOP', key, count)
  if not due then return 0 end
  for _, one in ipairs(due) do
    local kind, name = one:sub(1, 1), one:sub(2)
    local raw = call('HGET', L .. 'a:' .. kind, name)
    local row = raw and parse(kind, raw)
    if row and row[2] > 0 then
      if row[1] + row[2] > st.clk then
        call('RPUSH', L .. 'due:' .. int(floor((row[1] + row[2]) / DUE_MS)), one)
      else
        forget(kind, name)
      end
    end
  end
  return #due
end

-- What the rules already ignore may go: buckets beyond the horizon, and accounts untouched for too long, at least twice
-- as many as came. An hour is looked at once it is over, so that what is put back comes into a later one.
local function sweep(came)
  local oldest = bucket(st.clk) - BUCKETS_KEPT
  if st.low < 0 then st.low = oldest end
  for born = max(st.low, oldest - 1000), oldest - 1 do
    call('UNLINK', L .. 'dd:' .. int(born), L .. 'rs:' .. int(born))
  end
  st.low = max(st.low, oldest)
  local hour, left = floor(st.clk / DUE_MS), min(CHUNK, SWEEP + 2 * came)
  if st.due < 0 then st.due = hour end
  while st.due < hour and left > 0 do
    local swept = sweep_hour(st.due, left)
    if swept == 0 then st.due = st.due + 1 end
    left = left - max(1, swept)
  end
end

local function flush()
  -- Redis refuses only the first write of a script when memory is full: this one.
  call('HSET', L .. 'st', 'seq', int(st.seq), 'clk', int(st.clk), 'pend', pack(st.pend))
  local came = write_accounts()
  write_buckets()
  sweep(came)
  call('HSET', L .. 'st', 'low', int(st.low), 'due', int(st.due))
end
