-- How many microseconds a live claim still has; 0 where nobody is at work. After layout.lua.
--
-- KEYS[1]  the record

-- As much as holds the lease end, and no stored body.
local value = redis.pcall('GETRANGE', KEYS[1], 0, 61)
if type(value) == 'table' then return value end
if #value < 46 or string.byte(value, 1) ~= VERSION then return 0 end
if string.byte(value, 2) % 8 ~= CLAIMED then return 0 end
local fingerprint = bit.band(string.byte(value, 2), FINGERPRINT) ~= 0
if fingerprint and #value < 62 then return 0 end
local high, low = struct.unpack('>I4I4', value, fingerprint and 55 or 39)
return math.max(high * HALF + low - now, 0)
