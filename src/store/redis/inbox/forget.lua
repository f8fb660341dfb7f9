-- Removes an entry. After layout.lua and entry.lua.
--
-- KEYS  the entry, its history, its index, the mark of this command
-- ARGV  for how many milliseconds the mark is kept; 1 where it is removed only if it is done, discarded or stale
--
-- Answers { whether there was one, 1 or 0, now }, the same where the command comes again; and the order that it
-- had.

local mark = redis.call('GET', KEYS[4])
if mark then return { 1, now, mark ~= '' and mark or nil } end
local entry, answer = find(KEYS[1])
if answer and answer.err then return answer end
if ARGV[2] == '1' then
  local state = entry and not entry.is_over and entry.state
  local has_ended = state == FINISHED and not entry.untrue or state == DISCARDED or state == STALE
  if not has_ended then return { 0, now } end
end
-- One that cannot be read is among the dead, if it was ever met.
local member = entry and member_of(KEYS[1], entry) or 'd' .. name_of(KEYS[1])
local reply = redis.pcall('ZREM', KEYS[3], member)
if type(reply) == 'table' then return reply end
redis.call('DEL', KEYS[1], KEYS[2])
if not answer and not entry then return { 0, now } end
local order = entry and entry.order or ''
-- Whether it can be written or not, the entry is gone.
local existed = answer or not entry.is_over
if existed then redis.pcall('SET', KEYS[4], order, 'PX', ARGV[1]) end
return { existed and 1 or 0, now, order ~= '' and order or nil }
