-- Marks an event as handled. After record.lua.
--
-- KEYS[1]  the record
-- ARGV     token, retention in microseconds, fingerprint, attempt and fence (for where the record
--          is lost), status, '1' if there is a body, body, event key if the Redis key only hashes it
--
-- Answers { 1, now } held, { 2, now } fenced, { 0, now } unreadable.

local token = ARGV[1]
local record, answer = read(KEYS[1])
if answer then return answer end

local attempt, fence = tonumber(ARGV[4]), ARGV[5]
if record then
  if record.token ~= token then return { 2, now } end
  if record.state == DONE then return { 1, now } end
  if record.state ~= CLAIMED then return { 2, now } end
  attempt, fence = record.attempt, record.fence
end
local failed = write(KEYS[1], {
  state = DONE,
  token = token,
  attempt = attempt,
  fence = fence,
  fingerprint = ARGV[3],
  kept_until = later(tonumber(ARGV[2])),
  status = tonumber(ARGV[6]),
  body = ARGV[7] == '1' and ARGV[8] or nil,
  name = ARGV[9],
})
if failed then return failed end
return { 1, now }
