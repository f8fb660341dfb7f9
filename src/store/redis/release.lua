-- Gives a claim back after a failure. After record.lua.
--
-- KEYS[1]  the record
-- ARGV     token, retention in microseconds
--
-- Answers { 1, now } held, { 2, now } fenced, { 0, now } unreadable.

local record, answer = read(KEYS[1])
if answer then return answer end
if not record then return { 1, now } end
if record.token ~= ARGV[1] then return { 2, now } end
if record.state == RELEASED then return { 1, now } end
if record.state ~= CLAIMED then return { 2, now } end
record.state = RELEASED
record.kept_until = later(tonumber(ARGV[2]))
local failed = write(KEYS[1], record)
if failed then return failed end
return { 1, now }
