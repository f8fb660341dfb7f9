-- How a record is laid out, and the time. It stands before each script of this folder.
--
-- A record is one string; codec.rs reads the same bytes. Numbers are big-endian.
--
--   1 byte    version of this layout
--   1 byte    state (1 claimed, 2 done, 3 released), plus the flags below
--   16 bytes  token
--   8 bytes   kept until, in microseconds
--   8 bytes   fence
--   4 bytes   attempt
--   16 bytes  fingerprint              with flag FINGERPRINT
--   8 bytes   lease end, microseconds  if claimed
--   2 bytes   status                   if done
--   4 bytes   length of the name, and the name: with flag NAMED. It is the event key, where that is
--             only hashed in the Redis key; a zero byte and the Content-Type of the body, where one is
--             known; or both. Scripts that know of no type take all of it for a key, which they
--             never look into: they answer copies with the body alone
--   the rest  body                     with flag BODY
--
-- In the name of a claimed record '-lease:' and the length of the lease in microseconds stand before
-- the key, with a colon between if there is one. Scripts that know of no length take that for a key too.
--
-- BOUND stands in every claimed record. One without it, of an earlier version of the crate, was
-- claimed before its event was confirmed: its fingerprint counts for nothing.
--
-- A fence has 64 bits, more than a Lua number holds exactly: it is handled in two halves.

local VERSION = 1
local CLAIMED, DONE, RELEASED = 1, 2, 3
local FINGERPRINT, BOUND, CORRECTED, NAMED, BODY = 8, 16, 32, 64, 128
local HALF = 4294967296
local LEASE = '-lease:'
-- The first element of an answer where the value cannot be read.
local UNREADABLE = 0

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
