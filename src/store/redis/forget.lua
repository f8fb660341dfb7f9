-- Removes a record.
--
-- KEYS[1]  the record
-- KEYS[2]  the mark of this command, in the same slot
-- ARGV[1]  for how many milliseconds the mark is kept
-- ARGV[2]  1 where it is removed only if its event is done
--
-- Answers whether there was a record, 1 or 0: the same where the command comes again.

if redis.call('GET', KEYS[2]) then return 1 end
if ARGV[2] == '1' then
  local value = redis.pcall('GET', KEYS[1])
  -- As layout.lua says; Redis has removed what is no longer kept.
  local is_done = type(value) == 'string' and #value >= 2 and string.byte(value, 2) % 8 == 2
  if not is_done then return 0 end
end
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
-- Whether it can be written or not, the record is gone.
redis.pcall('SET', KEYS[2], '', 'PX', ARGV[1])
return 1
