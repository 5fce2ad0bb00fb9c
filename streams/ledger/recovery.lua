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

-- {clk, accounts {{name, row text, set {record, at, ...}}...}, reservations {{id, row}...}}
local function load_state(argument)
  local refused = claimed()
  if refused then return refused end
  st.clk = max(st.clk, argument[1])
  for _, one in ipairs(argument[2]) do
    cache[one[1]] = parse(one[1], one[2])
    dirty[one[1]], fresh[one[1]] = true, true
    if one[1]:sub(1, 1) == 'w' then
      local mine = {}
      for i = 1, #one[3], 2 do mine[one[3][i]] = one[3][i + 1] end
      changed[one[1]:sub(3)] = mine
    end
  end
  for _, one in ipairs(argument[3]) do
    write_reservation(one[1], one[2])
    for _, part in ipairs(one[2][5]) do
      local row = read('c:' .. part[1])
      if row and one[2][6] == '' and part[5] == 'release' and one[2][2] > argument[1] then
        note_part(part[1], row, one[1], one[2][2], part[3])
        dirty['c:' .. part[1]] = true
      end
    end
  end
  flush()
  return 'OK'
end

-- {{seq, clk, first, intent_id, digest, ops}, ...} in seq order; committed, so what they give is available
local function apply(argument)
  local refused = claimed()
  if refused then return refused end
  for _, event in ipairs(argument) do
    st.clk = max(st.clk, event[2])
    local gives = {}
    for _, op in ipairs(event[6]) do execute(op, event[2], gives) end
    give(gives)
    if event[3] then enter_id(event[4], event[5], event[1], event[2]) end
  end
  flush()
  return 'OK'
end

-- {code, seq, ctl, {{offset, after}...}, {{topic:p, next}...}}: seq and gen last
local function finish(argument)
  local refused = claimed()
  if refused then return refused end
  for _, one in ipairs(argument[4]) do call('HSET', L .. 'ca', int(one[1]), int(one[2])) end
  for _, one in ipairs(argument[5]) do
    call('HSET', L .. 'tp', one[1], mark_text({epoch = 0, next = one[2], slot = -1, low = 0, gives = 0}))
  end
  call('HSET', L .. 'st', 'code', argument[1], 'ctl', int(argument[3]), 'clk', int(st.clk))
  call('HSET', L .. 'st', 'seq', int(argument[2]))
  call('HSET', L .. 'st', 'gen', GEN, 'rec', '')
  return 'OK'
end
