-- The same where a lease ends further ahead than it is long. After peek.lua, which says what is
-- answered, and record.lua.

local record, answer = read(KEYS[1])
if answer then return answer.err and answer or 0 end
if not record or record.state ~= CLAIMED then return 0 end
after_a_step_back(KEYS[1], record)
return math.max(record.lease_ends - now, 0)
