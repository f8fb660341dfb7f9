-- Sets, lifts and uses the rates of providers. After layout.lua.
--
-- Per provider the hash has a field 'p' and its name with the rate of all its entries, 'o' and its name with that
-- of each order key, both 'entries:microseconds', and 'u' and its name with until when the first is used up.
--
-- KEYS  the rates; but for 'use' also the mark of this command, by which it is known when it comes again
-- ARGV  'set'; 'p' or 'o'; provider; the rate, or '' for none; for how many milliseconds the mark is kept. Answers
--       whether that changed anything, 1 or 0: the same where the command comes again.
--       'use'; provider; the rate; how many of it are wanted; share and slack in microseconds. Answers how many are
--       granted; none where the rate is another one by now.
--       'back'; provider; the rate; how many of it are given back; share in microseconds; for how many milliseconds
--       the mark is kept. Answers 1 where they are given back, also where the command comes again, and 0 where the
--       rate is another one by now.

local what = ARGV[1]

local function mark(millis)
  -- Whether it can be written or not, the rest is done.
  redis.pcall('SET', KEYS[2], '', 'PX', millis)
end

local function until_when(provider)
  return tonumber(redis.call('HGET', KEYS[1], 'u' .. provider) or 0)
end

-- Behind a write that takes no memory Redis refuses a script nothing for want of it. This one changes nothing: no field
-- has this name.
local function begin_to_write()
  redis.call('HDEL', KEYS[1], '')
end

local function keep(provider, used)
  begin_to_write()
  redis.call('HSET', KEYS[1], 'u' .. provider, string.format('%.0f', used))
end

if what ~= 'use' and redis.call('GET', KEYS[2]) then return 1 end
if what == 'set' then
  local of, provider, rate, millis = unpack(ARGV, 2)
  if (redis.call('HGET', KEYS[1], of .. provider) or '') == rate then return 0 end
  if rate == '' then
    redis.call('HDEL', KEYS[1], of .. provider)
  else
    begin_to_write()
    redis.call('HSET', KEYS[1], of .. provider, rate)
  end
  if of == 'p' then redis.call('HDEL', KEYS[1], 'u' .. provider) end
  mark(millis)
  return 1
end

local provider, rate, entries, share = unpack(ARGV, 2)
entries, share = tonumber(entries), tonumber(share)
if redis.call('HGET', KEYS[1], 'p' .. provider) ~= rate then return 0 end
local used = until_when(provider)
if what == 'back' then
  keep(provider, math.max(used - entries * share, 0))
  mark(ARGV[6])
  return 1
end

local slack, granted = tonumber(ARGV[6]), 0
-- Later than the rate allows: by a clock that was set back since. As in rate.rs.
if used > now + slack + share + 10000000 then used = 0 end
while granted < entries and used <= now + slack do
  used = math.max(used, now) + share
  granted = granted + 1
end
keep(provider, used)
return granted
