-- Asks for the right to handle events: those that Redis has no record of. After layout.lua, before
-- record.lua and claim.lua.
--
-- KEYS  the records; in a cluster all of one partition
-- ARGV  seven for each: token, fingerprint, '1' to bind it, lease and time to be kept in
--       microseconds, for how many milliseconds Redis keeps the value, event key if the Redis key
--       only hashes it
--
-- Answers of one: now, where it is the first attempt and now its fence; else { 1, now, attempt,
-- fence, corrected }, { 2, now } in progress, { 3, now } conflict, { 4, now, status, body or false }
-- done, { 0, now } unreadable. Of several: a list of these, with false where Redis refused.

local answers, all_new = {}, true
do
  local now_low = now % HALF
  local now_high = (now - now_low) / HALF
  local at = 0
  for place = 1, #KEYS do
    local token, fingerprint, name = ARGV[at + 1], ARGV[at + 2], ARGV[at + 7]
    local lease_ends, kept_until = now + ARGV[at + 4], now + ARGV[at + 5]
    local lease_low, kept_low = lease_ends % HALF, kept_until % HALF
    local flags = CLAIMED
    if ARGV[at + 3] == '1' then
      flags = flags + FINGERPRINT + BOUND
    else
      fingerprint = ''
    end
    if name ~= '' then
      flags = flags + NAMED
      name = struct.pack('>I4', #name) .. name
    end
    local value = struct.pack('>BBc0I4I4I4I4I4c0I4I4c0', VERSION, flags, token,
      (kept_until - kept_low) / HALF, kept_low, now_high, now_low, 1, fingerprint,
      (lease_ends - lease_low) / HALF, lease_low, name)
    -- Nothing where there is a record, an error where Redis refuses to write: both as claim.lua says.
    local reply = redis.pcall('SET', KEYS[place], value, 'NX', 'PX', ARGV[at + 6])
    if reply and reply.ok then
      answers[place] = now
    else
      answers[place], all_new = false, false
    end
    at = at + 7
  end
end
if all_new then return #KEYS == 1 and now or answers end
