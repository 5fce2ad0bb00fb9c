-- Decide: one call for a batch. ledger.md, Decide; memory.py says the same.
--
-- Argument: {ctl, zones, shares, terms (claims.lua)}; share {topic, partition, epoch, expect, start, next, asks}
--   ask {offset, time_ms, verdict, intent_id, digest, dry_run, claims, always, on_deny, reserve or false, settle or false,
--        policy_digest}
-- Return: {gen, stable, rows}: packed decisions behind each other, one for each ask, in order:
--   {offset, seq, clk, ctl, verdict, first, {{index, level}...}, ops, {{account, used}...}, {{topic, p, offset}...},
--    first_seq or -1, conflict, note, policy_digest}
-- Errors: UNVERIFIED, STALE <ctl>, FENCED, GAP; all before any write.

-- marks: tp hash, "topic:p" -> "epoch next slot low gives": next -1 until a recovery has set it, low = the smallest
-- seq with a stored decision (0: none), gives = how many stored decisions give something at their commit
local marks = {}
local function read_marks()
  local raw = call('HGETALL', L .. 'tp')
  for i = 1, #raw, 2 do
    local e, nx, slot, low, g = raw[i + 1]:match('^(%S+) (%S+) (%S+) (%S+) (%S+)$')
    marks[raw[i]] = {epoch = tonumber(e), next = tonumber(nx), slot = tonumber(slot), low = tonumber(low),
      gives = tonumber(g)}
  end
end
local function mark_of(tp)
  if not marks[tp] then marks[tp] = {epoch = 0, next = -1, slot = -1, low = 0, gives = 0} end
  return marks[tp]
end
local function mark_text(mark)
  return int(mark.epoch) .. ' ' .. int(mark.next) .. ' ' .. int(mark.slot) .. ' ' .. int(mark.low) .. ' ' .. int(mark.gives)
end

local function stored_rows(tp, asks, below)
  local offsets, rows = {}, {}
  for _, ask in ipairs(asks) do
    if ask[1] < below then offsets[#offsets + 1] = int(ask[1]) end
  end
  for from = 1, #offsets, CHUNK do
    local upto = min(from + CHUNK - 1, #offsets)
    local raw = call('HMGET', L .. 'led:' .. tp, unpack(offsets, from, upto))
    for i = from, upto do rows[offsets[i]] = raw[i - from + 1] or false end
  end
  return rows
end

local function check(share)
  local tp = share[1] .. ':' .. int(share[2])
  local mark = mark_of(tp)
  if mark.epoch ~= share[3] then return fail('FENCED', tp .. ' is at epoch ' .. int(mark.epoch)) end
  if mark.next < share[4] then
    return fail('UNVERIFIED', tp .. ': decided up to ' .. int(mark.next) .. ', committed up to ' .. int(share[4]))
  end
  if share[5] > mark.next then
    return fail('GAP', tp .. ' starts at ' .. int(share[5]) .. ', decided up to ' .. int(mark.next))
  end
  share.tp, share.mark, share.stored = tp, mark, stored_rows(tp, share[7], mark.next)
  for offset, row in pairs(share.stored) do
    if not row then return fail('UNVERIFIED', tp .. ' has no decision at ' .. offset) end
  end
  return nil
end

-- Forget decisions that are committed; what they gave is available from now on.
local function drop(share)
  local mark, gone = share.mark, {}
  if mark.low == 0 then return gone end
  local kept, led = nil, L .. 'led:' .. share.tp
  for _, offset in ipairs(call('HKEYS', led)) do
    local at = tonumber(offset)
    if at < share[4] then
      gone[#gone + 1] = offset
    elseif not kept or at < kept then
      kept = at
    end
  end
  mark.low = kept and unpack_msg(call('HGET', led, int(kept)))[2] or 0
  if mark.gives > 0 then
    local gave = false
    for from = 1, #gone, CHUNK do
      for _, raw in ipairs(call('HMGET', L .. 'gv:' .. share.tp, unpack(gone, from, min(from + CHUNK - 1, #gone)))) do
        if raw then
          give(unpack_msg(raw))
          mark.gives = mark.gives - 1
          gave = true
        end
      end
    end
    if gave then st.pend[#st.pend + 1] = {share[1], share[2], share[4], 0} end
  end
  return gone
end

local function stable_now()
  local low
  for _, mark in pairs(marks) do
    if mark.low > 0 and (not low or mark.low < low) then low = mark.low end
  end
  return low and low - 1 or st.seq
end

local function execute_all(ops, clk)
  local gives = {}
  for _, op in ipairs(ops) do execute(op, clk, gives) end
  return gives
end

-- Splits `always` into what can be paid and what is refused.
local function attempts(ask, clk)
  local refused, paid = {}, {}
  for i, claim in ipairs(ask[8]) do
    local level = level_against(claim, clk)
    if level then refused[#refused + 1] = {i - 1, level} else paid[#paid + 1] = claim end
  end
  return refused, paid
end

-- Fills the decision row from the ask; returns what it gives at commit.
local function judge_claims(ask, row, clk)
  local approve, dry = ask[3] == 'APPROVE', ask[6]
  local refused, paid = attempts(ask, clk)
  if approve then
    for i, claim in ipairs(ask[7]) do
      local level = level_against(claim, clk)
      if level then refused[#refused + 1] = {#ask[8] + i - 1, level} end
    end
  end
  local verdict = #refused > 0 and 'DENY' or ask[3]
  local ops = {}
  take(paid, false, clk, ops)
  if not dry and verdict == 'APPROVE' then
    take(ask[7], ask[10], clk, ops)
  elseif not dry and verdict == 'DENY' then
    take(ask[9], false, clk, ops)
  end
  local gives = execute_all(ops, clk)
  if ask[4] ~= '' and not dry then
    enter_id(ask[4], ask[5], row[2], clk)
    row[6] = true
  end
  local after = {}
  if approve then
    for i, claim in ipairs(ask[7]) do after[i] = level_after(claim, clk) end
  end
  row[5], row[7], row[8], row[9] = verdict, refused, ops, after
  return gives
end

local function judge(ask, row, clk)
  if ask[11] then
    row[13], row[8] = settle(ask[11], clk)
    return execute_all(row[8], clk)
  end
  local first = ask[4] ~= '' and first_decision(ask[4], clk)
  if first then
    -- An attempt is an attempt: what repeats an id is not free either.
    local _, paid = attempts(ask, clk)
    take(paid, false, clk, row[8])
    row[11] = first[3]
    if first[2] == ask[5] then
      row[5] = 'DUPLICATE'
    else
      row[5], row[12] = 'DENY', true
    end
    return execute_all(row[8], clk)
  end
  return judge_claims(ask, row, clk)
end

local function decide_one(share, ask, visible, ctl, led, gv)
  local stored = share.stored[int(ask[1])]
  if stored then return stored end
  st.seq = st.seq + 1
  st.clk = max(st.clk, ask[2])
  for _, pending in ipairs(st.pend) do
    if pending[4] == 0 then pending[4] = st.seq end
  end
  local row = {ask[1], st.seq, st.clk, ctl, ask[3], false, {}, {}, {}, visible, -1, false, '', ask[12]}
  local gives = judge(ask, row, st.clk)
  local packed, offset = pack(row), int(ask[1])
  led[#led + 1] = offset
  led[#led + 1] = packed
  if #gives > 0 then
    gv[#gv + 1] = offset
    gv[#gv + 1] = pack(gives)
    share.mark.gives = share.mark.gives + 1
  end
  if share.mark.low == 0 then share.mark.low = st.seq end
  return packed
end

local function prefetch(shares)
  local ids, first, last = {}, nil, st.clk
  for _, share in ipairs(shares) do
    for _, ask in ipairs(share[7]) do
      if ask[4] ~= '' then ids[#ids + 1] = ask[4] end
      first = min(first or ask[2], ask[2])
      last = max(last, ask[2])
    end
  end
  if #ids > 0 then prefetch_ids(ids, max(st.clk, first), last) end
end

local function decide(argument)
  local ctl, shares = argument[1], argument[3]
  zones, terms = argument[2], argument[4]
  read_st()
  if st.gen ~= GEN then return fail('UNVERIFIED', 'the ledger is of another generation') end
  if st.ctl ~= ctl then return fail('STALE', int(st.ctl)) end
  read_marks()
  for _, share in ipairs(shares) do
    local refused = check(share)
    if refused then return refused end
  end
  local gone = {}
  for i, share in ipairs(shares) do gone[i] = drop(share) end
  local stable, pend = stable_now(), {}
  for _, pending in ipairs(st.pend) do
    if pending[4] == 0 or pending[4] > stable then pend[#pend + 1] = pending end
  end
  st.pend = pend
  local visible = {}
  for i, pending in ipairs(pend) do visible[i] = {pending[1], pending[2], pending[3]} end
  prefetch(shares)
  local rows, led, gv = {}, {}, {}
  for i, share in ipairs(shares) do
    led[i], gv[i] = {}, {}
    for _, ask in ipairs(share[7]) do
      rows[#rows + 1] = decide_one(share, ask, visible, ctl, led[i], gv[i])
    end
    share.mark.next = max(share.mark.next, share[6])
  end
  flush()
  for i, share in ipairs(shares) do
    write_many('HSET', L .. 'led:' .. share.tp, led[i])
    write_many('HSET', L .. 'gv:' .. share.tp, gv[i])
    write_many('HDEL', L .. 'led:' .. share.tp, gone[i])
    if #gone[i] > 0 then write_many('HDEL', L .. 'gv:' .. share.tp, gone[i]) end
    call('HSET', L .. 'tp', share.tp, mark_text(share.mark))
  end
  return {GEN, int(stable_now()), table.concat(rows)}
end
