-- Recovery: always a rebuild, step by step under a nonce; the last claimer wins. ledger.md, Recover.

-- Every step says that the recovery is alive: whoever waits for it counts the beats.
local function claimed()
  read_st()
  if st.rec ~= GEN or st.gen ~= '' then return fail('UNVERIFIED', 'another recovery has claimed the ledger') end
  call('HINCRBY', L .. 'st', 'beat', 1)
  return nil
end

-- {}: a step that does nothing else
local function beat()
  return claimed() or 'OK'
end

-- {code, take over}: gen := '' and rec := GEN in one step; from here nobody decides
local function claim(argument)
  read_st()
  if st.code ~= '' and st.code ~= argument[1] and not argument[2] then return fail('CODE', st.code) end
  call('HSET', L .. 'st', 'gen', '', 'rec', GEN)
  return 'OK'
end

-- {key, ...}: removes keys of this ledger, a chunk at a time; `st` keeps the claim and the code alone
local function wipe(argument)
  local refused = claimed()
  if refused then return refused end
  for from = 1, #argument, CHUNK do
    call('UNLINK', unpack(argument, from, min(from + CHUNK - 1, #argument)))
  end
  call('DEL', L .. 'st')
  call('HSET', L .. 'st', 'gen', '', 'rec', GEN, 'code', st.code)
  return 'OK'
end

-- {clk, {{word, key, {value, ...}}...}}: commands that put a snapshot where it belongs, as loading.py makes them
local function load_state(argument)
  local refused = claimed()
  if refused then return refused end
  st.clk = max(st.clk, argument[1])
  for _, one in ipairs(argument[2]) do write_many(one[1], L .. one[2], one[3]) end
  flush()
  return 'OK'
end

-- {terms, ids of settled reservations, {{seq, clk, first, intent_id, digest, ask, ops}...}} in seq order; committed, so
-- what they give is available. Each ask has the claims of its ops and no windows: the accounts are known by now.
local function apply(argument)
  local refused = claimed()
  if refused then return refused end
  local events = argument[3]
  C = argument[1]
  for _, event in ipairs(events) do
    horizon = max(horizon, event[2])
    resolve(event[6], 1 + ASK, #event[6])
  end
  if #argument[2] > 0 then fetch_settled(argument[2], max(st.clk, events[1][2])) end
  fetch()
  for _, event in ipairs(events) do
    local clk, ask, ops, i, gives = event[2], event[6], event[7], 1, {}
    st.clk = max(st.clk, clk)
    while ops[i] do i = execute(ask, 1, ops, i, clk, gives) end
    for j = 1, #gives, 2 do give(gives[j], gives[j + 1]) end
    if event[3] then enter_id(event[4], event[5], event[1], clk) end
  end
  flush()
  return 'OK'
end

-- {{bucket, {intent id, packed, ...}}...}: ids of first decisions, which are forgotten with their bucket
local function remember(argument)
  local refused = claimed()
  if refused then return refused end
  local oldest = bucket(st.clk) - BUCKETS_KEPT
  for _, one in ipairs(argument) do
    if one[1] >= oldest then write_many('HSET', L .. 'dd:' .. int(one[1]), one[2]) end
  end
  return 'OK'
end

-- {code, seq, ctl, {{offset, after}...}, {{topic:p, next}...}}: seq and gen last
local function finish(argument)
  local refused = claimed()
  if refused then return refused end
  for _, one in ipairs(argument[4]) do call('HSET', L .. 'ca', int(one[1]), int(one[2])) end
  for _, one in ipairs(argument[5]) do
    write_mark(one[1], {epoch = 0, next = one[2], slot = -1, low = 0, gives = 0})
  end
  call('HSET', L .. 'st', 'code', argument[1], 'ctl', int(argument[3]), 'clk', int(st.clk))
  call('HSET', L .. 'st', 'seq', int(argument[2]))
  call('HSET', L .. 'st', 'gen', GEN, 'rec', '')
  return 'OK'
end
