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

-- Nothing stands where new events come to stand, and most of what ends has no history: one question tells.
local function find_absent()
  local asked, key, word = {}, 1, 1
  while word <= #ARGV do
    local called, _, keys, words = ARGV[word], unpack(KNOWN[ARGV[word]])
    if called == 'accept' then
      for _, place in ipairs({ key, key + 1, key + 3 }) do asked[#asked + 1] = KEYS[place] end
    elseif called == 'finish' then
      asked[#asked + 1] = KEYS[key + 1]
    end
    key, word = key + keys, word + words + 1
  end
  if asked[1] and redis.call('EXISTS', unpack(asked)) == 0 then
    for _, one in ipairs(asked) do absent[one] = true end
  end
end

-- Those that may keep something new come first: behind another one's write Redis refuses nothing for want of memory.
local function carry_out(accepts, answers)
  local key, word, number = 1, 1, 0
  while word <= #ARGV do
    local called, one, keys, words = ARGV[word], unpack(KNOWN[ARGV[word]])
    number = number + 1
    if (called == 'accept') == accepts then
      local done, answer = pcall(one, { unpack(KEYS, key, key + keys - 1) }, unpack(ARGV, word + 1, word + words))
      if type(answer) == 'table' and answer.err then
        answer = answer.err
      elseif not done then
        local text = tostring(answer)
        answer = string.find(text, '^%u+ ') and text or 'ERR ' .. text
      end
      answers[number] = answer
    end
    key, word = key + keys, word + words + 1
  end
end

find_absent()
local answers = {}
carry_out(true, answers)
carry_out(false, answers)
return answers
