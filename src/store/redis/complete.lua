-- The same where nothing, or something else, stands there. After complete_own.lua, which says what is
-- asked and answered, and record.lua.

local record, answer = read(key)
if answer then return answer.err and answer or UNREADABLE end
if record then
  if record.token ~= token then return -now end
  if record.state == DONE then return now end
  if record.state ~= CLAIMED then return -now end
  grant = record.fence .. struct.pack('>I4', record.attempt)
end
local value = head .. token .. u64(kept_until) .. grant .. tail
local reply = redis.pcall('SET', key, value, 'PX', kept_by_redis)
if reply.err then return reply end
return now
