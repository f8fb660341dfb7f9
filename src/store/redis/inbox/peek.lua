-- Looks for entries that are due. After layout.lua.
--
-- KEYS  for each partition: its index, and the set of providers that are paused
-- ARGV  how many of each kind are wanted, '1' where those are wanted whose workers died twice, how many in all;
--       then for each route: the route, its provider
--
-- Answers { now, how many partitions were looked at, those of them whose index is of another type, and for each
-- entry: which partition, which route, member }.

-- So many ranges are looked at: others get their turn between two calls.
local MOST_RANGES = 1000

local wanted, lone, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local answers, behind, partitions = { now, 0, {} }, 3, #KEYS / 2
local ranges, looked_at, until_now = {}, 0, u64(now + 1)
for place = 4, #ARGV, 2 do
  for _, kind in ipairs({ 'a', 'b', 'c' }) do
    local prefix = kind .. lone .. ARGV[place] .. '\0'
    ranges[#ranges + 1] = { place / 2 - 2, '[' .. prefix, '(' .. prefix .. until_now, ARGV[place + 1] }
  end
end
-- As many as one partition may have.
local each = #ranges * tonumber(wanted)
for partition = 1, partitions do
  local found = (behind - 3) / 3
  if partition > 1 and (found + each > most or looked_at + #ranges > MOST_RANGES) then break end
  local index, paused = KEYS[partition * 2 - 1], KEYS[partition * 2]
  -- Most have nothing to run: one question tells.
  local some = redis.pcall('ZRANGEBYLEX', index, '[a', '(d', 'LIMIT', 0, 1)
  if some.err then
    if not string.find(some.err, 'WRONGTYPE', 1, true) then return some end
    table.insert(answers[3], partition - 1)
  elseif some[1] then
    looked_at = looked_at + #ranges
    for _, range in ipairs(ranges) do
      local due = redis.call('ZRANGEBYLEX', index, range[2], range[3], 'LIMIT', 0, wanted)
      if due[1] and redis.call('SISMEMBER', paused, range[4]) == 0 then
        for _, member in ipairs(due) do
          answers[behind + 1], answers[behind + 2], answers[behind + 3] = partition - 1, range[1], member
          behind = behind + 3
        end
      end
    end
  end
  answers[2] = partition
end
return answers
