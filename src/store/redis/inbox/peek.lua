-- Looks for entries that are due. After layout.lua.
--
-- KEYS  for each partition: its index, and the set of providers that are paused
-- ARGV  how many of each kind are wanted, '1' where those are wanted whose workers died twice, how many in all;
--       then for each route: the route, its provider
--
-- Answers { now, how many partitions were looked at, those of them whose index is of another type, and for each
-- entry: which partition, which route, member }.

local wanted, lone, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local answers, partitions = { now, 0, {} }, #KEYS / 2
-- As many as one partition may have.
local each = (#ARGV - 3) / 2 * 3 * tonumber(wanted)
for partition = 1, partitions do
  if partition > 1 and (#answers - 3) / 3 + each > most then break end
  local index, paused = KEYS[partition * 2 - 1], KEYS[partition * 2]
  local some = redis.pcall('ZLEXCOUNT', index, '[a', '(d')
  if type(some) == 'table' then
    if not string.find(some.err, 'WRONGTYPE', 1, true) then return some end
    table.insert(answers[3], partition - 1)
  elseif some > 0 then
    for place = 4, #ARGV, 2 do
      local route, provider = ARGV[place], ARGV[place + 1]
      if redis.call('SISMEMBER', paused, provider) == 0 then
        for _, kind in ipairs({ 'a', 'b', 'c' }) do
          local prefix = kind .. lone .. route .. '\0'
          local due = redis.call('ZRANGEBYLEX', index, '[' .. prefix, '(' .. prefix .. u64(now + 1),
            'LIMIT', 0, wanted)
          for _, member in ipairs(due) do
            local behind = #answers
            answers[behind + 1], answers[behind + 2] = partition - 1, place / 2 - 2
            answers[behind + 3] = member
          end
        end
      end
    end
  end
  answers[2] = partition
end
return answers
