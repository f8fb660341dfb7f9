-- How many microseconds a live claim still has; 0 where nobody is at work. After layout.lua, before
-- record.lua and peek_again.lua.
--
-- KEYS[1]  the record

do
  -- As much as holds the lease end and the length of the lease, and no long body.
  local value = redis.pcall('GETRANGE', KEYS[1], 0, 95)
  if type(value) == 'table' then return value end
  if #value < 46 or string.byte(value, 1) ~= VERSION then return 0 end
  if string.byte(value, 2) % 8 ~= CLAIMED then return 0 end
  local at = 39
  if bit.band(string.byte(value, 2), FINGERPRINT) ~= 0 then at = 55 end
  if #value < at + 7 then return 0 end
  local high, low = struct.unpack('>I4I4', value, at)
  local left = math.max(high * HALF + low - now, 0)
  local lease = string.match(value, '^%-lease:(%d+)', at + 12)
  if not lease or left <= tonumber(lease) then return left end
end
