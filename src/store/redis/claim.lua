-- Asks for the right to handle an event. After record.lua.
--
-- KEYS[1]  the record
-- ARGV     token, fingerprint, '1' to bind it, lease and retention in microseconds, event key if
--          the Redis key only hashes it
--
-- Answers { 1, now, attempt, fence, corrected }, { 2, now } in progress, { 3, now } conflict,
-- { 4, now, status, body or false } done, { 0, now } unreadable.

local token, fingerprint, bind = ARGV[1], ARGV[2], ARGV[3] == '1'
local lease, retention, name = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]

-- Larger than the last fence; by the time where the record was lost, by one where the clock stands
-- still. At the end of the range it stays there.
local function fence_after(fence)
  local high, low = struct.unpack('>I4I4', fence)
  low = low + 1
  if low == HALF then high, low = high + 1, 0 end
  if high == HALF then high, low = HALF - 1, HALF - 1 end
  local now_high, now_low = math.floor(now / HALF), now % HALF
  if now_high > high or (now_high == high and now_low > low) then
    high, low = now_high, now_low
  end
  return struct.pack('>I4I4', high, low)
end

local record, answer = read(KEYS[1])
if answer then return answer end

local function differs()
  return record ~= nil and record.fingerprint ~= nil and record.fingerprint ~= fingerprint
end

if record and record.state == DONE then
  if differs() then return { 3, now } end
  return { 4, now, record.status, record.body or false }
end

local granted
if record and record.state == CLAIMED and record.token == token then
  -- The reply was lost: the same grant once more. What was bound meanwhile stays bound.
  granted = record
elseif record and record.state == CLAIMED and record.lease_ends > now then
  -- What nobody has confirmed yet refuses nobody.
  if record.bound and differs() then return { 3, now } end
  return { 2, now }
else
  local earlier = record or { attempt = 0, fence = u64(0) }
  granted = {
    state = CLAIMED,
    token = token,
    bound = bind,
    corrected = differs(),
    attempt = math.min(earlier.attempt + 1, HALF - 1),
    fence = fence_after(earlier.fence),
    fingerprint = bind and fingerprint or earlier.fingerprint,
    name = name,
  }
end
granted.lease_ends = later(lease)
granted.kept_until = math.max(later(retention), granted.lease_ends)
local failed = write(KEYS[1], granted)
if failed then return failed end
return { 1, now, granted.attempt, granted.fence, granted.corrected and 1 or 0 }
