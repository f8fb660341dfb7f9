-- Queues a dead entry again, or ends one that is dead, queued or waiting. After layout.lua and entry.lua.
--
-- KEYS  the entry, its history, its index; for 'discard' also the mark of this command
-- ARGV  'redrive' or 'discard'; for how many microseconds it is left alone, or known; '1' where it is to run
--       although it is stale; the newest version of its order key that was completed; the time at which it must
--       have died, in 8 bytes, or '' for any; the token of a redrive, or ''; for how many milliseconds the mark of a
--       discard is kept
--
-- Answers { 1, now } done, and the order that it had where it is discarded, the same where a discard comes again;
-- { 2, now, status } not from there, and the order that it had where it was discarded before, whose key may be held
-- still; { 3, now } absent, { 4, now } stale, { 0, now } unreadable.

local what, span, force, applied, died, token, millis = unpack(ARGV)

local function not_from(entry)
  local order = entry.state == DISCARDED and entry.order ~= '' and entry.order or nil
  return { 2, now, status_of(entry), order }
end

local mark = what == 'discard' and redis.call('GET', KEYS[4])
if mark then return { 1, now, mark ~= '' and mark or nil } end
local entry, answer = kept(KEYS[1])
if answer then return answer end
if not entry then return { 3, now } end
-- A redrive that is sent again finds what it did.
if token ~= '' and entry.state == QUEUED and entry.token == token then return { 1, now } end
if died ~= '' and (entry.state ~= DEAD or u64(entry.at) ~= died) then return not_from(entry) end
if what == 'redrive' then
  local overtaken = entry.state == STALE or (entry.state == DEAD and is_overtaken(entry, applied))
  if overtaken and force ~= '1' then return { 4, now } end
  if not overtaken and entry.state ~= DEAD then return not_from(entry) end
elseif entry.state ~= DEAD and entry.state ~= QUEUED then
  return not_from(entry)
end
local before = member_of(KEYS[1], entry)
entry.token, entry.at, entry.lease = token ~= '' and token or nil, now + span, 0
if what == 'redrive' then
  entry.state, entry.attempts, entry.deaths = QUEUED, 0, 0
  if force == '1' and entry.order ~= '' and not has_flag(entry, FORCED) then
    local flags = string.byte(entry.order, 1) + FORCED
    entry.order = string.char(flags) .. string.sub(entry.order, 2)
  end
else
  entry.state, entry.holds = DISCARDED, false
end
local failed = write(KEYS, entry, before)
if failed then return failed end
if what == 'redrive' then return { 1, now } end
-- Whether it can be written or not, the entry is discarded.
redis.pcall('SET', KEYS[4], entry.order, 'PX', millis)
return { 1, now, entry.order ~= '' and entry.order or nil }
