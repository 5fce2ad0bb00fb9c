-- Facts: what a run remembers, texts by name. accounts.py says the same; a differential test holds the two together.
-- Only a run's own partition changes and reads them, in order: they are there at once, committed or not.

local FACTS_MAX, FACT_BYTES_MAX, FACTS_BYTES_MAX = 512, 4096, 65536

local function facts_of(slot)
  local known = facts[slot]
  if not known then
    known = {}
    if not fresh[slot] then
      local raw = call('HGETALL', L .. 'f:' .. names[slot])
      for i = 1, #raw, 2 do known[raw[i]] = raw[i + 1] end
    end
    facts[slot], changed_facts[slot] = known, {}
  end
  return known
end

local function has_room(count, bytes, name, text)
  return count < FACTS_MAX and bytes + #name + #text <= FACTS_BYTES_MAX
end

-- What is too much is not remembered, and what stood there before is no longer true.
local function put_fact(slot, row, name, text)
  local known = facts_of(slot)
  local before, count, bytes = known[name], row[3], row[4]
  if before then count, bytes = count - 1, bytes - #name - #before end
  if text ~= '' and #text <= FACT_BYTES_MAX and has_room(count, bytes, name, text) then
    known[name], count, bytes = text, count + 1, bytes + #name + #text
  else
    known[name] = nil
  end
  row[3], row[4], changed_facts[slot][name] = count, bytes, true
end

-- {{run, ...}, {counter, ...}} -> packed {{{run, {name, text, ...}}...}, {{counter, live}...}}: those that are kept
local function look(argument)
  read_st()
  if st.gen ~= GEN then return fail('UNVERIFIED', 'the ledger is of another generation') end
  local kept, counted = {}, {}
  for _, run in ipairs(argument[1]) do slot_for('f', run) end
  for _, name in ipairs(argument[2]) do slot_for('n', name) end
  fetch()
  for run, slot in pairs(slot_of.f) do
    if find(slot, st.clk) then kept[#kept + 1] = {run, call('HGETALL', L .. 'f:' .. run)} end
  end
  for name, slot in pairs(slot_of.n) do
    local row = find(slot, st.clk)
    if row then counted[#counted + 1] = {name, row[3]} end
  end
  return pack({kept, counted})
end
