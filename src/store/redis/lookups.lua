-- Reads records and the time at which they were read. After layout.lua.
--
-- KEYS  the records; in a cluster all of one partition
--
-- Answers { now, value or false for each }, or the first error.

local answers = { now }
for place, key in ipairs(KEYS) do
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then return value end
  answers[place + 1] = value
end
return answers
