-- Marks events as handled: those that are claimed by who says so. After layout.lua, before record.lua
-- and complete.lua.
--
-- KEYS  the records; in a cluster all of one partition
-- ARGV  six for each: token; the first two bytes of the record; fence and attempt as a record has
--       them, for where it is lost; what stands behind them; retention in microseconds; for how many
--       milliseconds Redis keeps the value
--
-- Answers of one: now where it was held, -now where fenced, 0 where unreadable. Of several: a list
-- of these, with false where Redis refused.

local answers, all_own = {}, true

for place = 1, #KEYS do
  local at = (place - 1) * 6
  answers[place] = false
  local value = redis.pcall('GET', KEYS[place])
  -- Of the usual length: with a fingerprint, and without the event key. All else is for complete.lua.
  if type(value) == 'string' and #value == 62 then
    local version, flags, token, high, low, grant = struct.unpack('>BBc16I4I4c12', value)
    if version == VERSION and flags < NAMED and flags % BOUND == CLAIMED + FINGERPRINT
      and token == ARGV[at + 1] and high * HALF + low > now then
      local kept_until = now + ARGV[at + 5]
      low = kept_until % HALF
      value = struct.pack('>c0c0I4I4c0c0', ARGV[at + 2], token, (kept_until - low) / HALF, low, grant,
        ARGV[at + 4])
      local reply = redis.pcall('SET', KEYS[place], value, 'PX', ARGV[at + 6])
      if reply.ok then answers[place] = now end
    end
  end
  all_own = all_own and answers[place]
end
if all_own then return #KEYS == 1 and now or answers end
