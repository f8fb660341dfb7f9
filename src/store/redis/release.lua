-- Gives a claim back after a failure, or before its handler began. After layout.lua and record.lua.
--
-- KEYS[1]  the record
-- ARGV     token, retention in microseconds, 1 if the handler had begun
--
-- Answers now where it was held, -now where fenced, 0 where unreadable.

local record, answer = read(KEYS[1])
if answer then return answer.err and answer or UNREADABLE end
if not record then return now end
if record.token ~= ARGV[1] then return -now end
if record.state == RELEASED then return now end
if record.state ~= CLAIMED then return -now end
record.state = RELEASED
if ARGV[3] == '0' then record.attempt = math.max(record.attempt - 1, 0) end
record.kept_until = now + ARGV[2]
local failed = write(KEYS[1], record)
if failed then return failed end
return now
