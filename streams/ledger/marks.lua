-- Marks: who owns a topic-partition, and the control position.

-- {topic:p, slot, expected slot, expected epoch} -> new epoch
local function take_over(argument)
  read_st()
  if st.gen ~= GEN then return fail('UNVERIFIED', 'the ledger is of another generation') end
  read_marks()
  local mark = mark_of(argument[1])
  if mark.slot ~= argument[3] or mark.epoch ~= argument[4] then
    return fail('FENCED', argument[1] .. ' was taken by slot ' .. int(mark.slot) .. ' meanwhile')
  end
  mark.slot, mark.epoch = argument[2], mark.epoch + 1
  write_mark(argument[1], mark)
  return mark.epoch
end

-- {topic:p, slot, epoch}: nothing happens if it is another's by now
local function release(argument)
  read_st()
  if st.gen ~= GEN then return fail('UNVERIFIED', 'the ledger is of another generation') end
  read_marks()
  local mark = mark_of(argument[1])
  if mark.slot == argument[2] and mark.epoch == argument[3] then
    mark.slot = -1
    write_mark(argument[1], mark)
  end
  return 'OK'
end

-- {offset, position before it} -> the seq after which the record holds
local function control(argument)
  read_st()
  if st.gen ~= GEN then return fail('UNVERIFIED', 'the ledger is of another generation') end
  local held = call('HGET', L .. 'ca', int(argument[1]))
  if held then return held end
  if st.ctl ~= argument[2] then return fail('STALE', int(st.ctl)) end
  call('HSET', L .. 'ca', int(argument[1]), int(st.seq))
  call('HSET', L .. 'st', 'ctl', int(argument[1] + 1))
  return int(st.seq)
end
