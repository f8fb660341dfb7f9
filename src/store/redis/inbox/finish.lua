-- Says what became of an entry. After layout.lua and entry.lua.
--
-- KEYS  the entry, its history, its index
-- ARGV  token; verdict: 'done', 'retry', 'back' or 'bury'; for how many microseconds it is known, or left alone;
--       reason
--
-- Answers now where it was held, -now where fenced, 0 where unreadable.

local token, verdict, span, reason = unpack(ARGV)
local entry, answer = kept(KEYS[1])
if answer then return answer.err and answer or UNREADABLE end
if not entry or entry.token ~= token then return -now end
local state = entry.state
if state ~= TAKEN and state ~= BEGUN then
  -- A command that is sent again finds what it did.
  local is_again = (state == FINISHED and verdict == 'done') or (state == DEAD and verdict == 'bury')
    or (state == QUEUED and (verdict == 'retry' or verdict == 'back'))
  return is_again and now or -now
end
local before, history = member_of(KEYS[1], entry), nil
if verdict == 'retry' or verdict == 'bury' then
  history, answer = failed(KEYS[2], entry.attempts, now, reason)
  if answer then return answer.err and answer or UNREADABLE end
elseif verdict == 'back' and state == BEGUN then
  entry.attempts = math.max(entry.attempts - 1, 0)
end
entry.lease = 0
if verdict == 'done' then
  entry.state, entry.at = FINISHED, now + span
elseif verdict == 'bury' then
  entry.state, entry.at = DEAD, now
else
  entry.state, entry.at = QUEUED, now + span
end
local failed = write(KEYS, entry, before, nil, history)
if failed then return failed end
return now
