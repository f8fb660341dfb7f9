-- Commands on several entries and order keys, in a cluster all of one partition. After the functions that do one of
-- them.
--
-- KEYS     for each its keys
-- ARGV     for each what it is called, and its words
--
-- Answers what each gets, in their order: where it failed, the text of the error. None is kept from being
-- carried out by another.

-- Each with the number of its keys and of its words.
local KNOWN = {
  accept = { accept, 4, 10 },
  begin = { begin, 3, 3 },
  finish = { finish, 3, 4 },
  order = { order_alone, 1, ORDER_WORDS },
}

local answers, key, word = {}, 1, 1
while word <= #ARGV do
  local one, keys, words = unpack(KNOWN[ARGV[word]])
  local done, answer = pcall(one, { unpack(KEYS, key, key + keys - 1) }, unpack(ARGV, word + 1, word + words))
  key, word = key + keys, word + words + 1
  if type(answer) == 'table' and answer.err then
    answer = answer.err
  elseif not done then
    answer = 'ERR ' .. tostring(answer)
  end
  answers[#answers + 1] = answer
end
return answers
