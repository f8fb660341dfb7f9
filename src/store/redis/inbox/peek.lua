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
-- Of a partition with fewer than these one question tells all: most have nothing to run, or not much.
local FEW = '8'

local wanted, lone, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local answers, behind, partitions = { now, 0, {} }, 3, #KEYS / 2
local ranges, by_prefix, looked_at, until_now = {}, {}, 0, u64(now + 1)
for place = 4, #ARGV, 2 do
  for _, kind in ipairs({ 'a', 'b', 'c' }) do
    local prefix = kind .. lone .. ARGV[place] .. '\0'
    local range = {
      route = place / 2 - 2,
      from = '[' .. prefix,
      to = '(' .. prefix .. until_now,
      provider = ARGV[place + 1],
    }
    ranges[#ranges + 1], by_prefix[prefix] = range, range
  end
end

-- Those of a few members that are due, by their ranges.
local function due_among(few)
  local found, by_range = {}, {}
  for _, member in ipairs(few) do
    local last = string.find(member, '\0', 1, true) or 0
    local range = by_prefix[string.sub(member, 1, last)]
    local at = string.sub(member, last + 1, last + 8)
    if range and #at == 8 and is_below(at, until_now) then
      local due = by_range[range]
      if not due then
        due = { range = range }
        found[#found + 1], by_range[range] = due, due
      end
      if #due < wanted then due[#due + 1] = member end
    end
  end
  return found
end

-- The same of all that there are in an index.
local function due_in(index)
  local found = {}
  for _, range in ipairs(ranges) do
    local due = redis.call('ZRANGEBYLEX', index, range.from, range.to, 'LIMIT', '0', wanted)
    due.range = range
    found[#found + 1] = due
  end
  return found
end

-- Mostly nobody is paused, and one question tells.
local asked = {}
for partition = 1, partitions do asked[partition] = KEYS[partition * 2] end
local nobody_is_paused = redis.call('EXISTS', unpack(asked)) == 0

-- Whether its provider is paused here: also where what tells that is of another type, and its partition is told of as
-- one whose index is. Other errors are raised.
local function is_paused(paused, provider, partition)
  if nobody_is_paused then return false end
  local reply = redis.pcall('SISMEMBER', paused, provider)
  if type(reply) ~= 'table' then return reply == 1 end
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply.err) end
  table.insert(answers[3], partition - 1)
  return true
end

-- As many as one partition may have.
local each = #ranges * wanted
for partition = 1, partitions do
  local found = (behind - 3) / 3
  if partition > 1 and (found + each > most or looked_at + #ranges > MOST_RANGES) then break end
  local index, paused = KEYS[partition * 2 - 1], KEYS[partition * 2]
  local few = redis.pcall('ZRANGEBYLEX', index, '[a', '(d', 'LIMIT', '0', FEW)
  if few.err then
    if not string.find(few.err, 'WRONGTYPE', 1, true) then return few end
    table.insert(answers[3], partition - 1)
  elseif few[1] then
    local is_all = #few < tonumber(FEW)
    looked_at = looked_at + (is_all and #few or #ranges)
    for _, due in ipairs(is_all and due_among(few) or due_in(index)) do
      if due[1] and not is_paused(paused, due.range.provider, partition) then
        for _, member in ipairs(due) do
          answers[behind + 1], answers[behind + 2], answers[behind + 3] = partition - 1, due.range.route, member
          behind = behind + 3
        end
      end
    end
  end
  answers[2] = partition
end
return answers
