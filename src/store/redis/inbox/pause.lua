-- Says in one partition whether a provider is paused.
--
-- KEYS  the set of providers that are paused, the mark of this command
-- ARGV  'SADD' or 'SREM'; provider; for how many milliseconds the mark is kept
--
-- Answers whether that changed anything, 1 or 0: the same where the command comes again.

if redis.call('GET', KEYS[2]) then return 1 end
-- Behind a write that takes no memory Redis refuses a script nothing for want of it. This one changes nothing: no
-- provider has this name.
redis.call('SREM', KEYS[1], '')
local changed = redis.call(ARGV[1], KEYS[1], ARGV[2])
-- Whether it can be written or not, the provider is paused, or is not any more.
if changed == 1 then redis.pcall('SET', KEYS[2], '', 'PX', ARGV[3]) end
return changed
