-- Queues a dead entry again, or ends one that is dead, queued or waiting. After layout.lua and entry.lua.
--
-- KEYS  the entry, its history, its index
-- ARGV  'redrive' or 'discard'; for how many microseconds it is left alone, or known
--
-- Answers { 1, now } done, { 2, now, status } not from there, { 3, now } absent, { 0, now } unreadable.

local what, span = unpack(ARGV)
local entry, answer = kept(KEYS[1])
if answer then return answer end
if not entry then return { 3, now } end
if entry.state ~= DEAD and not (what == 'discard' and entry.state == QUEUED) then
  return { 2, now, status_of(entry) }
end
local before = member_of(KEYS[1], entry)
entry.token, entry.at, entry.lease = nil, now + span, 0
if what == 'redrive' then
  entry.state, entry.attempts, entry.deaths = QUEUED, 0, 0
else
  entry.state = DISCARDED
end
local failed = write(KEYS, entry, before)
if failed then return failed end
return { 1, now }
