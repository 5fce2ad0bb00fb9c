-- Stored: what was decided and may not be committed yet. A call's decisions on a topic-partition are one chunk:
--   led:<topic>:<p>  "<first offset> <last offset> <first seq>" -> the asks as they came, then the rows packed by decide.lua
--   gv:<topic>:<p>   the same field -> packed {offset, kind, name, amount, ...}: what they give at their commit
-- Where the committed offset falls into a chunk, its field alone changes: rows before it are stored no more.

-- marks: tp hash, "topic:p" -> epoch, next, slot, low, gives as doubles: next -1 until a recovery has set it, low = the
-- smallest seq with a stored decision (0: none), gives = how many chunks give something at their commit
local MARK = '<ddddd'
local marks, mark_texts = {}, {}
local function read_marks()
  local raw = call('HGETALL', L .. 'tp')
  for i = 1, #raw, 2 do
    local epoch, following, slot, low, gives = decode(MARK, raw[i + 1])
    marks[raw[i]] = {epoch = epoch, next = following, slot = slot, low = low, gives = gives}
    mark_texts[raw[i]] = raw[i + 1]
  end
end
local function mark_of(tp)
  if not marks[tp] then marks[tp] = {epoch = 0, next = -1, slot = -1, low = 0, gives = 0} end
  return marks[tp]
end
local function write_mark(tp, mark)
  local text = encode(MARK, mark.epoch, mark.next, mark.slot, mark.low, mark.gives)
  if text ~= mark_texts[tp] then call('HSET', L .. 'tp', tp, text) end
end

-- The smallest seq that may still be uncommitted, minus one, over every topic-partition of the ledger.
local function stable_now()
  local low
  for _, mark in pairs(marks) do
    if mark.low > 0 and (not low or mark.low < low) then low = mark.low end
  end
  return low and low - 1 or st.seq
end

local function field_of(first, last, seq) return int(first) .. ' ' .. int(last) .. ' ' .. int(seq) end
local function parse_field(field)
  local first, last, seq = field:match('^(%d+) (%d+) (%d+)$')
  return tonumber(first), tonumber(last), tonumber(seq)
end

-- Calls visit(offset, seq) for each row of a chunk, until it returns true.
local function walk(chunk, visit)
  local _, body = unpack_msg(chunk)
  local seq, packed, i = body[4], body[5], 1
  while packed[i] do
    if visit(packed[i + 1], seq) then return end
    seq, i = seq + 1, i + packed[i]
  end
end

-- The chunks that hold `wanted` {offset -> true}, and an offset that none of them holds, or nil.
local function find_stored(tp, wanted)
  local chunks = {}
  local raw = call('HGETALL', L .. 'led:' .. tp)
  for i = 1, #raw, 2 do
    local first, used = parse_field(raw[i]), false
    walk(raw[i + 1], function(offset)
      if offset >= first and wanted[offset] then wanted[offset], used = nil, true end
    end)
    if used then chunks[#chunks + 1] = raw[i + 1] end
  end
  return chunks, (next(wanted))
end

-- The field under which a chunk is kept whose decisions below `expect` are committed.
local function cut_field(led, field, last, expect)
  local kept
  walk(call('HGET', led, field), function(offset, seq)
    if offset >= expect then
      kept = {offset, last, seq}
      return true
    end
  end)
  return kept
end

-- Finds what of a share is committed: sets the mark's low, and share.gone (fields), share.cut ({field, new field}...).
local function find_committed(share, expect)
  local mark, low, led = share.mark, nil, L .. 'led:' .. share.tp
  share.gone, share.cut = {}, {}
  if mark.low == 0 then return end
  for _, field in ipairs(call('HKEYS', led)) do
    local first, last, seq = parse_field(field)
    if last < expect then
      share.gone[#share.gone + 1] = field
    else
      if first < expect then
        local kept = cut_field(led, field, last, expect)
        share.cut[#share.cut + 1] = {field, field_of(kept[1], kept[2], kept[3])}
        seq = kept[3]
      end
      if not low or seq < low then low = seq end
    end
  end
  mark.low = low or 0
end

-- What the committed decisions of a share gave: appended to `given` as {slot, amount, ...}; returns whether anything was.
local function find_given(share, expect, given)
  local mark, size = share.mark, #given
  share.gv = {}
  if mark.gives == 0 then return false end
  local function read_gives(field, kept_field)
    local raw = call('HGET', L .. 'gv:' .. share.tp, field)
    if not raw then return end
    local gives, kept = unpack_msg(raw), {}
    for i = 1, #gives, 4 do
      if gives[i] < expect then
        given[#given + 1] = slot_for(gives[i + 1], gives[i + 2])
        given[#given + 1] = gives[i + 3]
      else
        for j = i, i + 3 do kept[#kept + 1] = gives[j] end
      end
    end
    if #kept > 0 then share.gv[kept_field] = pack(kept) else mark.gives = mark.gives - 1 end
  end
  for _, field in ipairs(share.gone) do read_gives(field) end
  for _, pair in ipairs(share.cut) do read_gives(pair[1], pair[2]) end
  return #given > size
end

-- Writes what has changed of a share's stored decisions, with its new chunk {first, last, seq, rows, gives} if any.
local function write_stored(share)
  local led, gv = L .. 'led:' .. share.tp, L .. 'gv:' .. share.tp
  for _, pair in ipairs(share.cut) do
    call('HSET', led, pair[2], call('HGET', led, pair[1]))
    share.gone[#share.gone + 1] = pair[1]
  end
  for _, field in ipairs(share.gone) do
    call('HDEL', led, field)
    call('HDEL', gv, field)
  end
  for field, text in pairs(share.gv) do call('HSET', gv, field, text) end
  local chunk = share.chunk
  if chunk then
    local field = field_of(chunk[1], chunk[2], chunk[3])
    call('HSET', led, field, share[7] .. chunk[4])
    if #chunk[5] > 0 then call('HSET', gv, field, pack(chunk[5])) end
  end
  write_mark(share.tp, share.mark)
end
