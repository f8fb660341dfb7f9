-- Gives entries more time. After layout.lua and entry.lua.
--
-- KEYS  for each: the entry, its history, its index
-- ARGV  for each: token, lease in microseconds
--
-- Answers { now, for each 1 held, 2 fenced, 0 unreadable }, or the first error.

local function one(number)
  local first = (number - 1) * 3
  local keys = { unpack(KEYS, first + 1, first + 3) }
  local token, lease = unpack(ARGV, number * 2 - 1, number * 2)
  local entry, answer = kept(keys[1])
  if answer then return answer.err and answer or UNREADABLE end
  local runs = entry and (entry.state == TAKEN or entry.state == BEGUN)
  if not runs or entry.token ~= token then return 2 end
  local before = member_of(keys[1], entry)
  entry.at, entry.lease = now + lease, tonumber(lease)
  return write(keys, entry, before) or 1
end

local answers = { now }
for number = 1, #KEYS / 3 do
  local answer = one(number)
  if type(answer) == 'table' then return answer end
  answers[number + 1] = answer
end
return answers
