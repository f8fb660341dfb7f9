-- Gives claims more time, and binds content that was confirmed meanwhile. After record.lua.
--
-- KEYS  the records; in a cluster all of one partition
-- ARGV  four for each: token, fingerprint to bind or '', lease and retention in microseconds
--
-- Answers { now, one of 1 held, 2 fenced, 0 unreadable for each }, or the first error once every
-- record had its turn: where one cannot be written, the others are renewed all the same.

local answers = { now }
local failed
for place, key in ipairs(KEYS) do
  local first = (place - 1) * 4
  local token, bind = ARGV[first + 1], ARGV[first + 2]
  local record, answer = read(key)
  local outcome = 2
  if answer and answer.err then
    failed = failed or answer
  elseif answer then
    outcome = UNREADABLE
  elseif record and record.state == CLAIMED and record.token == token then
    if bind ~= '' then record.bound, record.fingerprint = true, bind end
    record.lease_ends = later(tonumber(ARGV[first + 3]))
    record.kept_until = math.max(later(tonumber(ARGV[first + 4])), record.lease_ends)
    failed = write(key, record) or failed
    outcome = 1
  end
  answers[place + 1] = outcome
end
return failed or answers
