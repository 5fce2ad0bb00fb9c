-- Decide: one call for a batch. ledger.md, Decide; memory.py says the same.
--
-- Argument: {ctl, zones, shares}; share {topic, partition, epoch, expect, start, next, packed {terms, asks, settles}}
-- Asks lie flat behind each other, '' for none:
--   +0 offset, time_ms, verdict, intent_id, digest, policy_digest, dry_run, settle (a number of settles, or 0)
--   +8 reservation, hold_ms, its digest, its tool, +12 what it was judged with besides itself (kept for the answer)
--   +13 n of always, n of claims, n of on_deny
--   +16 {terms, name, value} for each of always, claims and on_deny (accounts.lua)
-- Return: {gen, stable, {{rows or '', stored chunk...}...}}, one for each share; rows packed {ctl, {{topic, p, offset}...},
-- own names, first seq, values}. The values of one decision:
--   size, offset, clk, verdict, first + 2 * conflict, note, first_seq or -1, policy_digest,
--   n, {place, level}..., n, ops... (accounts.lua), whether levels follow, levels after... (claims.lua)
-- Errors: UNVERIFIED, STALE <ctl>, FENCED, GAP; all before any write.

local HEAD = 9

local function check(share)
  local tp = share[1] .. ':' .. int(share[2])
  local mark = mark_of(tp)
  share.tp, share.mark = tp, mark
  if mark.epoch ~= share[3] then return fail('FENCED', tp .. ' is at epoch ' .. int(mark.epoch)) end
  if mark.next < share[4] then
    return fail('UNVERIFIED', tp .. ': decided up to ' .. int(mark.next) .. ', committed up to ' .. int(share[4]))
  end
  if share[5] > mark.next then
    return fail('GAP', tp .. ' starts at ' .. int(share[5]) .. ', decided up to ' .. int(mark.next))
  end
  return nil
end

local function next_ask(asks, i) return i + ASK + 3 * (asks[i + 13] + asks[i + 14] + asks[i + 15]) end

-- Unpacks a share's asks and finds which of them were decided before, what the others name, and how far time goes.
local function read_share(share, ids)
  share.stored = {}
  if share[7] == '' then return nil end
  local argument, i, again = unpack_msg(share[7]), 1, {}
  local asks = argument[2]
  share.terms, share.asks, share.settles = argument[1], asks, argument[3]
  C = share.terms
  while asks[i] do
    local following = next_ask(asks, i)
    if asks[i] < share.mark.next then
      again[asks[i]] = true
    else
      share.from_ms = share.from_ms or asks[i + 1]
      horizon = max(horizon, asks[i + 1])
      if asks[i + 3] ~= '' then ids[#ids + 1] = asks[i + 3] end
      resolve(asks, i + ASK, following - 1)
    end
    i = following
  end
  if next(again) then
    local missing
    share.stored, missing = find_stored(share.tp, again)
    if missing then return fail('UNVERIFIED', share.tp .. ' has no decision at ' .. int(missing)) end
  end
  return nil
end

-- Reads every account, id and reservation that the shares' new asks name.
local function fetch_all(shares, ids)
  local settled, from_ms = {}, nil
  for _, share in ipairs(shares) do
    if share.from_ms then
      from_ms = min(from_ms or share.from_ms, share.from_ms)
      for _, asked in ipairs(share.settles) do settled[#settled + 1] = asked[1] end
    end
  end
  if from_ms then relabel_all(max(st.clk, from_ms)) end
  if #ids > 0 then fetch_ids(ids, max(st.clk, from_ms)) end
  if #settled > 0 then fetch_settled(settled, max(st.clk, from_ms)) end
  fetch()
end

-- The attempts that are refused are said, unless `silent`, and those that are not paid for are struck out of the ask.
local function attempts(ask, i, clk, silent)
  local refused, first = 0, i + ASK
  for j = first, first + 3 * ask[i + 13] - 1, 3 do
    local level = level_against(ask[j], ask[j + 1], ask[j + 2], clk)
    if level then
      ask[j] = 0
      if not silent then
        out[at + 1] = (j - first) / 3
        out[at + 2] = level
        at = at + 2
        refused = refused + 1
      end
    end
  end
  return refused
end

-- Says the ops that take the claims of the places from `from` up to before `upto`; returns how many.
local function take_all(ask, i, from, upto, clk)
  local ops, first = 0, i + ASK
  for place = from, upto - 1 do
    local j = first + 3 * place
    if ask[j] > 0 then ops = ops + take(ask[j], ask[j + 1], ask[j + 2], place, clk) end
  end
  return ops
end

-- ... and of those places only what is to be remembered: what waits for people takes nothing else.
local function take_remembered(ask, i, from, upto, clk)
  local ops, first = 0, i + ASK
  for place = from, upto - 1 do
    local j = first + 3 * place
    if C[ask[j]] == REMEMBER then ops = ops + take(ask[j], ask[j + 1], ask[j + 2], place, clk) end
  end
  return ops
end

-- Executes the ops said from `from` on, and puts their number before them.
local function execute_said(ask, i, from, ops, clk, gives)
  out[from] = ops
  local j = from + 1
  while j <= at do j = execute(ask, i, out, j, clk, gives) end
end

local function judge_claims(ask, i, row, clk, gives)
  local asked, dry, always = ask[i + 2], ask[i + 6], ask[i + 13]
  local behind = always + ask[i + 14]
  local first, upto = i + ASK + 3 * always, i + ASK + 3 * behind - 1
  local refused = attempts(ask, i, clk)
  local claims = ask[i + 14] > 0
  if claims then
    settle_windows(ask, first, upto, clk)
    for j = first, upto, 3 do
      local level = level_against(ask[j], ask[j + 1], ask[j + 2], clk)
      if level then
        out[at + 1] = always + (j - first) / 3
        out[at + 2] = level
        at = at + 2
        refused = refused + 1
      end
    end
  end
  local verdict = refused > 0 and asked ~= 'RECORDED' and 'DENY' or asked
  out[row + 3], out[row + 8] = verdict, refused
  at = at + 1
  local said = at
  out[said] = 0
  local ops = take_all(ask, i, 0, always, clk)
  if not dry and verdict == 'APPROVE' then
    ops = ops + take_all(ask, i, always, behind, clk)
    if ask[i + 8] ~= '' then ops = ops + take_reserve(ask, i, first, upto, clk) end
  elseif not dry and verdict == 'DENY' then
    ops = ops + take_all(ask, i, behind, behind + ask[i + 15], clk)
  elseif not dry and (verdict == 'HOLD' or verdict == 'DRAFT') then
    ops = ops + take_remembered(ask, i, always, behind, clk)
  end
  execute_said(ask, i, said, ops, clk, gives)
  if ask[i + 3] ~= '' and not dry then
    enter_id(ask[i + 3], ask[i + 4], st.seq, clk)
    out[row + 4] = 1
  end
  at = at + 1
  out[at] = claims and 1 or 0
  if claims then
    for j = first, upto, 3 do level_after(ask[j], ask[j + 1], clk) end
  end
end

local function judge_again(ask, i, row, clk, gives, digest, seq)
  -- An attempt is an attempt: what repeats an id is not free either.
  attempts(ask, i, clk, true)
  at = at + 1
  local said = at
  out[said] = 0
  execute_said(ask, i, said, take_all(ask, i, 0, ask[i + 13], clk), clk, gives)
  at = at + 1
  out[at] = 0
  out[row + 6] = seq
  if digest == ask[i + 4] then
    out[row + 3] = 'DUPLICATE'
  else
    out[row + 3], out[row + 4] = 'DENY', 2
  end
end

local function judge_result(ask, i, row, asked, clk, gives)
  at = at + 1
  local said = at
  out[said] = 0
  out[row + 5] = settle(asked, clk)
  local ops = at > said and 1 or 0
  -- What a result tells counts only when it ends something.
  if ops > 0 or out[row + 5] == 'unresolved' then
    ops = ops + take_all(ask, i, ask[i + 13], ask[i + 13] + ask[i + 14], clk)
  end
  execute_said(ask, i, said, ops, clk, gives)
  at = at + 1
  out[at] = 0
end

-- Decides the ask at i: says its row, and appends what it gives to `given`.
local function decide_one(share, i, given)
  local ask, row = share.asks, at + 1
  st.seq = st.seq + 1
  st.clk = max(st.clk, ask[i + 1])
  local clk, gives = st.clk, {}
  out[row] = 0
  out[row + 1] = ask[i]
  out[row + 2] = clk
  out[row + 3] = ask[i + 2]
  out[row + 4] = 0
  out[row + 5] = ''
  out[row + 6] = -1
  out[row + 7] = ask[i + 5]
  out[row + 8] = 0
  at = row + HEAD - 1
  if ask[i + 7] > 0 then
    judge_result(ask, i, row, share.settles[ask[i + 7]], clk, gives)
  else
    local digest, seq
    if ask[i + 3] ~= '' then digest, seq = first_decision(ask[i + 3], clk) end
    if digest then
      judge_again(ask, i, row, clk, gives, digest, seq)
    else
      judge_claims(ask, i, row, clk, gives)
    end
  end
  out[row] = at - row + 1
  for j = 1, #gives, 2 do
    given[#given + 1] = ask[i]
    given[#given + 1] = kinds[gives[j]]
    given[#given + 1] = names[gives[j]]
    given[#given + 1] = gives[j + 1]
  end
end

-- Decides the share's new asks; returns their rows, packed, or ''.
local function decide_share(share, ctl, visible)
  local asks, i, mark = share.asks, 1, share.mark
  local first, last, seq, given = nil, nil, st.seq + 1, {}
  if share.from_ms then
    C, term_texts, out, at, own_names, label_of = share.terms, {}, {}, 0, {}, {}
    while asks[i] do
      if asks[i] >= mark.next then
        decide_one(share, i, given)
        first, last = first or asks[i], asks[i]
      end
      i = next_ask(asks, i)
    end
  end
  mark.next = max(mark.next, share[6])
  if not first then return '' end
  if mark.low == 0 then mark.low = seq end
  if #given > 0 then mark.gives = mark.gives + 1 end
  local text = pack({ctl, visible, own_names, seq, out})
  share.chunk = {first, last, seq, text, given}
  return text
end

-- Makes available what is committed by now; returns what the decisions of this call say became available.
local function make_visible(shares)
  local given = {}
  for _, share in ipairs(shares) do
    find_committed(share, share[4])
    if find_given(share, share[4], given) then
      st.pend[#st.pend + 1] = {share[1], share[2], share[4], 0}
    end
  end
  local stable, pend, visible = stable_now(), {}, {}
  for _, pending in ipairs(st.pend) do
    if pending[4] == 0 or pending[4] > stable then
      pend[#pend + 1] = pending
      visible[#visible + 1] = {pending[1], pending[2], pending[3]}
    end
  end
  st.pend = pend
  return visible, given
end

local function decide(argument)
  local ctl, shares = argument[1], argument[3]
  zones = argument[2]
  read_st()
  if st.gen ~= GEN then return fail('UNVERIFIED', 'the ledger is of another generation') end
  if st.ctl ~= ctl then return fail('STALE', int(st.ctl)) end
  read_marks()
  local ids, refused = {}, nil
  for _, share in ipairs(shares) do
    refused = refused or check(share) or read_share(share, ids)
  end
  if refused then return refused end
  local visible, given = make_visible(shares)
  fetch_all(shares, ids)
  for i = 1, #given, 2 do give(given[i], given[i + 1]) end
  local before, replies = st.seq, {}
  for i, share in ipairs(shares) do
    local text = decide_share(share, ctl, visible)
    replies[i] = {text, unpack(share.stored)}
  end
  if st.seq > before then
    for _, pending in ipairs(st.pend) do
      if pending[4] == 0 then pending[4] = before + 1 end
    end
  end
  flush()
  for _, share in ipairs(shares) do write_stored(share) end
  return {GEN, int(stable_now()), replies}
end
