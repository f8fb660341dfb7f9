-- The same for several records, in a cluster all of one partition. After a function `one` that does it
-- for one of them.
--
-- KEYS     the records
-- ARGV     how many arguments each has, and behind it those of each
--
-- Answers what `one` does for each, in their order, or the first error.

local width, answers = tonumber(ARGV[1]), {}
for place, key in ipairs(KEYS) do
  local first = 2 + (place - 1) * width
  local answer = one({ key }, { unpack(ARGV, first, first + width - 1) })
  if type(answer) == 'table' and answer.err then return answer end
  answers[place] = answer
end
return answers
