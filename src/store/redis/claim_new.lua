-- Asks for the right to handle an event: one that Redis has no record of. After layout.lua, before
-- record.lua and claim.lua.
--
-- Asked with key, the record; token, fingerprint, lease and kept, the time to be kept, in microseconds;
-- kept_by_redis, for how many milliseconds Redis keeps the value; name, the event key if the Redis key
-- only hashes it.
--
-- Answers now, where it is the first attempt and now its fence; else { 1, now, attempt, fence,
-- corrected }, { 2, now } in progress, { 3, now } the same with other content, { 4, now, status,
-- body or false } done, { 5, now, status, body or false } the same with other content, { 0, now }
-- unreadable. Behind the body stands its Content-Type, where there is one.

local lease_ends, kept_until = now + lease, now + kept
do
  local now_low, kept_low, lease_low = now % HALF, kept_until % HALF, lease_ends % HALF
  local flags, named = CLAIMED + FINGERPRINT + BOUND + NAMED, LEASE .. lease
  if name ~= '' then named = named .. ':' .. name end
  local value = struct.pack('>BBc0I4I4I4I4I4c0I4I4I4c0', VERSION, flags, token,
    (kept_until - kept_low) / HALF, kept_low, (now - now_low) / HALF, now_low, 1, fingerprint,
    (lease_ends - lease_low) / HALF, lease_low, #named, named)
  -- Nothing where there is a record, an error where Redis refuses to write: both as claim.lua says.
  local reply = redis.pcall('SET', key, value, 'NX', 'PX', kept_by_redis)
  if reply and reply.ok then return now end
end
