-- Gives claims more time. After layout.lua and record.lua.
--
-- KEYS  the records; in a cluster all of one partition
-- ARGV  three for each: token, lease and retention in microseconds
--
-- Answers { now, one of 1 held, 2 fenced, 0 unreadable for each }, or the first error. Redis looks
-- before a script whether memory is short, and lets one go on that has written: if it is, no record
-- is renewed.

local answers = { now }
for place, key in ipairs(KEYS) do
  local first = (place - 1) * 3
  local token = ARGV[first + 1]
  local record, answer = read(key)
  if answer and answer.err then return answer end
  local outcome = 2
  if answer then
    outcome = UNREADABLE
  elseif record and record.state == CLAIMED and record.token == token then
    record.lease = tonumber(ARGV[first + 2])
    record.lease_ends = now + record.lease
    record.kept_until = math.max(now + ARGV[first + 3], record.lease_ends)
    local failed = write(key, record)
    if failed then return failed end
    outcome = 1
  end
  answers[place + 1] = outcome
end
return answers
