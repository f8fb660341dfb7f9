-- What is kept of an order key: reads, holds, frees. After layout.lua, before orders.lua.
--
-- An order key has a hash of its own, in a partition of its own:
--
--   h  the entry that holds it: its partition, a colon and its name
--   n  the token of whoever has taken the hold last
--   s  when it was taken last, in microseconds
--   v  the newest version that was completed, as in an entry
--   u  until when that is known, in microseconds
--   r  until when its rate is used up, in microseconds
--
-- It expires when nothing of it counts any more, and not while it is held.
--
-- It is asked with what is to be done ('read', 'hold' or 'free'); entry; token, or '' for any; version that was
-- completed, or ''; until when that is known, in 8 bytes or ''; share of the rate and its slack in microseconds,
-- or ''; when the command was sent that has ended its entry, in microseconds of this clock, or '': a hold that is younger
-- is another one, of an entry that came back. Below zero it says how long ago that was when the call was made up, as who
-- does not know this clock says: for as long as such a call is under way a younger hold may pass for an older one.
--
-- Answers { outcome, newest version or '', holder or '', since when, until when the rate is used, token or '' }:
-- 1 newly held, 2 held by this entry already, 3 held by another one, 4 not by its rate, 0 read or freed. Where the key
-- is of another type it is 3 without a holder, whatever is asked. A field that nobody has written so counts as absent.

local ORDER_WORDS = 8

local function text(number)
  return string.format('%.0f', number)
end

-- Whether a hold is older than the end of its entry; also where the clock was set back since.
local function is_older(since, ended)
  if ended == '' then return true end
  ended = tonumber(ended)
  if ended < 0 then ended = now + ended end
  return since <= ended or since > now
end

-- What is kept of a key, or nil where it is of another type.
local function state_of(key)
  local state = redis.pcall('HMGET', key, 'h', 's', 'v', 'u', 'r', 'n')
  if not state.err then return state end
  if string.find(state.err, 'WRONGTYPE', 1, true) then return nil end
  -- It fails as it would have.
  return redis.call('HMGET', key, 'h', 's', 'v', 'u', 'r', 'n')
end

-- Behind a write that takes no memory Redis refuses a script nothing for want of it. This one changes nothing: no field
-- has this name.
local function begin_to_write(key)
  redis.call('HDEL', key, '')
end

local function time_in(field)
  local time = tonumber(field or 0)
  -- As much as an answer holds.
  return time and time >= 0 and time < HALF * HALF / 2 and time or 0
end

local function order(key, what, id, token, version, known_until, share, slack, ended)
  local state = state_of(key)
  if not state then return { 3, '', '', 0, 0, '' } end
  local holder, since, newest, known, used, by = unpack(state)
  since, known, used = time_in(since), time_in(known), time_in(used)
  if known <= now or (newest and #newest ~= 8) then newest = false end
  if by and #by ~= 16 then by = false end
  local outcome = 0
  if what == 'hold' then
    -- Later than the rate allows: of another rate, or by a clock that was set back since. As in rate.rs.
    if share ~= '' and used > now + slack + share + 10000000 then used = 0 end
    if holder and holder ~= id then
      outcome = 3
    elseif holder and by == token then
      -- The reply was lost.
      outcome = 2
    elseif share ~= '' and used > now + slack then
      outcome = 4
    else
      outcome = holder and 2 or 1
      since = now
      local fields = { 'h', id, 'n', token, 's', text(since) }
      if share ~= '' then
        used = math.max(used, now) + share
        fields[7], fields[8] = 'r', text(used)
      end
      begin_to_write(key)
      redis.call('HSET', key, unpack(fields))
      redis.call('PERSIST', key)
      holder, by = id, token
    end
  elseif what == 'free' then
    if holder == id and (token == '' or by == token) and is_older(since, ended) then
      redis.call('HDEL', key, 'h', 'n', 's')
      holder, by = false, false
      if share ~= '' then
        -- It was not taken after all.
        used = math.max(used - share, 0)
        redis.call('HSET', key, 'r', text(used))
      end
    end
    if version ~= '' then
      local high, low = struct.unpack('>I4I4', known_until)
      known = math.max(known, high * HALF + low)
      if not newest or is_below(newest, version) then newest = version end
      begin_to_write(key)
      redis.call('HSET', key, 'v', newest, 'u', text(known))
    end
    if not holder then redis.call('PEXPIREAT', key, text(math.ceil(math.max(known, used) / 1000))) end
  end
  return { outcome, newest or '', holder or '', since, used, by or '' }
end
