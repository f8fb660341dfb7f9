-- Reads entries. After layout.lua and entry.lua.
--
-- KEYS  for each: the entry, its history
-- ARGV  '1' where their content is wanted
--
-- Answers { now, for each entry and history }; false where there is none, empty where it is unreadable.

local answers = { now }
for number = 1, #KEYS, 2 do
  local entry, answer = find(KEYS[number])
  if answer and answer.err then return answer end
  local value = answer and '' or false
  if entry then
    value = ARGV[1] == '1' and redis.call('GET', KEYS[number]) or head_of(entry)
  end
  local history = redis.pcall('GET', KEYS[number + 1])
  if type(history) == 'table' then history = '' end
  answers[number + 1], answers[number + 2] = value, history
end
return answers
