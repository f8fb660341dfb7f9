-- Removes a record.
--
-- KEYS[1]  the record
-- KEYS[2]  the mark of this command, in the same slot
-- ARGV[1]  for how many milliseconds the mark is kept
--
-- Answers whether there was a record, 1 or 0: the same where the command comes again.

if redis.call('GET', KEYS[2]) then return 1 end
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
-- Whether it can be written or not, the record is gone.
redis.pcall('SET', KEYS[2], '', 'PX', ARGV[1])
return 1
