-- Removes an entry. After layout.lua and entry.lua.
--
-- KEYS  the entry, its history, its index, the mark of this command
-- ARGV  for how many milliseconds the mark is kept
--
-- Answers whether there was one, 1 or 0: the same where the command comes again.

if redis.call('GET', KEYS[4]) then return 1 end
local entry, answer = find(KEYS[1])
if answer and answer.err then return answer end
-- One that cannot be read is among the dead, if it was ever met.
local member = entry and member_of(KEYS[1], entry) or 'd' .. name_of(KEYS[1])
local reply = redis.pcall('ZREM', KEYS[3], member)
if type(reply) == 'table' then return reply end
redis.call('DEL', KEYS[1], KEYS[2])
if not answer and (not entry or entry.is_over) then return 0 end
-- Whether it can be written or not, the entry is gone.
redis.pcall('SET', KEYS[4], '', 'PX', ARGV[1])
return 1
