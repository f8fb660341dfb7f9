-- The same of several order keys. After order.lua.
--
-- KEYS  the order keys
-- ARGV  for each its eight words
--
-- Answers { now, for each what it is answered }.

local answers = { now }
for number, key in ipairs(KEYS) do
  local first = (number - 1) * ORDER_WORDS
  answers[number + 1] = order(key, unpack(ARGV, first + 1, first + ORDER_WORDS))
end
return answers
