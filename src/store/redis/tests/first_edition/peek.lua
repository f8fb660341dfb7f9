-- As the first edition had it; see first_edition.rs.

local VERSION = 1
local CLAIMED, DONE, RELEASED = 1, 2, 3
local FINGERPRINT, BOUND, CORRECTED, NAMED, BODY = 8, 16, 32, 64, 128
local HALF = 4294967296
local UNREADABLE = 0

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local value = redis.pcall('GETRANGE', KEYS[1], 0, 61)
if type(value) == 'table' then return value end
if #value < 46 or string.byte(value, 1) ~= VERSION then return 0 end
if string.byte(value, 2) % 8 ~= CLAIMED then return 0 end
local fingerprint = bit.band(string.byte(value, 2), FINGERPRINT) ~= 0
if fingerprint and #value < 62 then return 0 end
local high, low = struct.unpack('>I4I4', value, fingerprint and 55 or 39)
return math.max(high * HALF + low - now, 0)
