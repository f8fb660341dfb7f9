-- Reads a record and the time at which it was read. After layout.lua.
--
-- KEYS[1]  the record
--
-- Answers { now, value or false }.

local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then return value end
return { now, value }
