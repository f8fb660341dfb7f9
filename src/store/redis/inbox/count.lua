-- Counts the entries of partitions. After layout.lua.
--
-- KEYS  their indexes
--
-- Answers { now, queued, waiting, taken or begun, dead, done, discarded, stale, mismatched }.

local counts = { now, 0, 0, 0, 0, 0, 0, 0, 0 }
local kept = u64(now + 1)
for _, index in ipairs(KEYS) do
  for place, kind in ipairs({ 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' }) do
    local from = place > 4 and kind .. kept or kind
    local to = string.char(string.byte(kind) + 1)
    counts[place + 1] = counts[place + 1] + redis.call('ZLEXCOUNT', index, '[' .. from, '(' .. to)
  end
end
return counts
