-- How an entry is laid out. After ../layout.lua, which tells the time.
--
-- An entry is one string; codec.rs reads the same bytes. Numbers are big-endian, times and spans are in
-- microseconds. The head is written over in place, so that content is written once.
--
--   1 byte    version of this layout
--   1 byte    state (1 queued, 2 taken, 3 begun, 4 done, 5 dead, 6 discarded, 7 stale), plus the flags below
--             (HOLDS: no other entry of its order key is taken; UNTRUE, beside done: it was found untrue, and
--             was not run)
--   16 bytes  token, zeros without flag BY: who has taken, begun, given back, finished or buried it
--   8 bytes   when it is due, when its lease ends, since when it is dead, or until when it is kept
--   8 bytes   length of the lease
--   4 bytes   attempts
--   4 bytes   deaths
--   8 bytes   fence
--   16 bytes  fingerprint
--   8 bytes   when it was accepted
--   8 bytes   when it was revived, zeros without flag REVIVED
--   4 bytes   length of envelope and body together
--   2 bytes   length of the route, and the route
--   4 bytes   length of the event key, and the key: only where the Redis key hashes it
--   2 bytes   length of the order key, and the key
--   25 bytes  order, where there is an order key: flags (1 has a version, 2 holds back when it is dead,
--             4 runs by force), version (with its sign turned over, so that bytes compare as numbers), and a
--             hash of route and order key, by which its state is found; see order.lua
--   4 bytes   length of the envelope, and the envelope: not where it is done or discarded
--   the rest  body
--
-- How its attempts failed stands beside it, the newest last: attempt (4 bytes), end (8), length of the
-- reason (2), reason.
--
-- Each entry has one member in the index of its partition, a sorted set whose scores are all 0: it is in the
-- order of its bytes.
--
--   a, b, c   queued, waiting, running; '1' where its workers died twice, else '0'; route; a zero byte;
--             the time at which it is due (8 bytes); length of its content (4); 1 and its order, or 0; name
--   d         dead; name
--   e to h    done, discarded, stale, mismatched; until when it is kept (8 bytes); name
--
-- The name is what stands behind '~i:' in the Redis key.

local QUEUED, TAKEN, BEGUN, FINISHED, DEAD, DISCARDED, STALE = 1, 2, 3, 4, 5, 6, 7
local BY, REVIVED, OTHER_CONTENT, HOLDS, UNTRUE = 8, 16, 32, 64, 128
local HAS_VERSION, HOLDS_BACK, FORCED = 1, 2, 4
local HEAD, NOBODY = 86, string.rep('\0', 16)
-- As much of an entry as holds its head, its route and a short key.
local FIRST = '255'
-- An entry whose workers died so often runs alone.
local LONE_FROM = 2

-- Keys at which nothing stands, as far as a script has found that out for several at once.
local absent = {}
-- By index, how many entries that are not over it has, as far as a script has counted them. Acceptances alone go by it,
-- and nothing else comes between them.
local counted = {}

local function u64(number)
  local low = number % HALF
  return struct.pack('>I4I4', (number - low) / HALF, low)
end

local function order_in_index(order)
  return order == '' and '\0' or '\1' .. order
end

local function name_of(key)
  local _, last = string.find(key, '}:~i:', 1, true)
  return string.sub(key, last + 1)
end

-- Whether these 8 bytes are the smaller number. Lua compares strings as the locale of the server sorts words.
local function is_below(one, other)
  local high, low = struct.unpack('>I4I4', one)
  local other_high, other_low = struct.unpack('>I4I4', other)
  return high < other_high or (high == other_high and low < other_low)
end
