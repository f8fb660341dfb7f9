-- Sets, lifts and uses the rates of providers. After layout.lua.
--
-- Per provider the hash has a field 'p' and its name with the rate of all its entries, 'o' and its name with that
-- of each order key, both 'entries:microseconds', and 'u' and its name with until when the first is used up.
--
-- KEYS[1]  the rates
-- ARGV     'set'; 'p' or 'o'; provider; the rate, or '' for none. Answers whether that changed anything, 1 or 0.
--          'use'; provider; the rate; how many of it are wanted, or given back where that is less than 0; share and
--          slack in microseconds. Answers how many are granted; none where the rate is another one by now.

local what = ARGV[1]
if what == 'set' then
  local of, provider, rate = ARGV[2], ARGV[3], ARGV[4]
  if (redis.call('HGET', KEYS[1], of .. provider) or '') == rate then return 0 end
  if of == 'p' then redis.call('HDEL', KEYS[1], 'u' .. provider) end
  if rate == '' then
    redis.call('HDEL', KEYS[1], of .. provider)
  else
    redis.call('HSET', KEYS[1], of .. provider, rate)
  end
  return 1
end

local provider, rate, wanted, share, slack = unpack(ARGV, 2)
wanted, share, slack = tonumber(wanted), tonumber(share), tonumber(slack)
if redis.call('HGET', KEYS[1], 'p' .. provider) ~= rate then return 0 end
local used, granted = tonumber(redis.call('HGET', KEYS[1], 'u' .. provider) or 0), 0
-- Later than the rate allows: by a clock that was set back since. As in rate.rs.
if used > now + slack + share + 10000000 then used = 0 end
while granted < wanted and used <= now + slack do
  used = math.max(used, now) + share
  granted = granted + 1
end
if wanted < 0 then used = math.max(used + wanted * share, 0) end
redis.call('HSET', KEYS[1], 'u' .. provider, string.format('%.0f', used))
return granted
