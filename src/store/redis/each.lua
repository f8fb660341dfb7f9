-- Claims and completions of several records, in a cluster all of one partition. After the functions that
-- do one of them.
--
-- KEYS     the records
-- ARGV     for each 'claim' or 'complete', and the six words that it is asked with
--
-- Answers what each gets, in their order: where it failed, the text of the error. None is kept from being
-- carried out by another.

local answers, at = {}, 1
for place, key in ipairs(KEYS) do
  local one = ARGV[at] == 'claim' and claim or complete
  local done, answer = pcall(one, key, unpack(ARGV, at + 1, at + 6))
  at = at + 7
  if type(answer) == 'table' and answer.err then
    answer = answer.err
  elseif not done then
    answer = 'ERR ' .. tostring(answer)
  end
  answers[place] = answer
end
return answers
