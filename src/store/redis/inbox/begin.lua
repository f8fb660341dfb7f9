-- Begins an attempt. After layout.lua and entry.lua, and after what gives it these:
--
-- keys  the entry, its history, its index
-- taken, token, lease  the token it was taken with, the token of the attempt, the lease in microseconds
--
-- Answers { 1, now, attempt, fence, whether its content was replaced }, { 2, now } fenced, { 0, now } unreadable.

local entry, answer = kept(keys[1])
if answer then return answer end
if not entry then return { 2, now } end
local before = member_of(keys[1], entry)
if entry.state == TAKEN and entry.token == taken then
  entry.fence = fence_after(entry.fence)
  entry.attempts = math.min(entry.attempts + 1, HALF - 1)
elseif not (entry.state == BEGUN and entry.token == token) then
  return { 2, now }
end
entry.state, entry.token, entry.at, entry.lease = BEGUN, token, now + lease, tonumber(lease)
local failed = write(keys, entry, before)
if failed then return failed end
return { 1, now, entry.attempts, entry.fence, entry.corrected and 1 or 0 }
