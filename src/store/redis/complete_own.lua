-- Marks an event as handled: one that is claimed by who says so. After layout.lua, before record.lua
-- and complete.lua.
--
-- Asked with key, the record; token; head, the first two bytes of the record; grant, fence and attempt
-- as a record has them, for where it is lost; tail, what stands behind them; retention in microseconds;
-- kept_by_redis, for how many milliseconds Redis keeps the value.
--
-- Answers now where it was held, -now where fenced, 0 where unreadable.

local kept_until = now + retention
do
  local value = redis.pcall('GET', key)
  -- With a fingerprint, as usual. All else is for complete.lua.
  if type(value) == 'string' and #value >= 62 then
    local version, flags, holder, high, low, held = struct.unpack('>BBc16I4I4c12', value)
    if version == VERSION and flags < BODY and flags % BOUND == CLAIMED + FINGERPRINT
      and holder == token and high * HALF + low > now then
      low = kept_until % HALF
      value = struct.pack('>c0c0I4I4c0c0', head, token, (kept_until - low) / HALF, low, held, tail)
      local reply = redis.pcall('SET', key, value, 'PX', kept_by_redis)
      if reply.ok then return now end
    end
  end
end
