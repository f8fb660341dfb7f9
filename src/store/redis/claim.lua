-- The same where there are records already. After claim_new.lua, which says what is asked and
-- answered, and record.lua.

-- Larger than the last fence; by the time where the record was lost, by one where the clock stands
-- still. At the end of the range it stays there.
local function fence_after(fence)
  local high, low = struct.unpack('>I4I4', fence)
  low = low + 1
  if low == HALF then high, low = high + 1, 0 end
  if high == HALF then high, low = HALF - 1, HALF - 1 end
  local now_low = now % HALF
  local now_high = (now - now_low) / HALF
  if now_high > high or (now_high == high and now_low > low) then
    high, low = now_high, now_low
  end
  return struct.pack('>I4I4', high, low)
end

local record, answer = read(key)
if answer then return answer end
local differs = record ~= nil and record.fingerprint ~= nil
  and record.fingerprint ~= fingerprint

if record and record.state == DONE then
  return { differs and 5 or 4, now, record.status, record.body or false, record.content_type }
end

local granted
if record and record.state == CLAIMED and record.token == token then
  -- The reply was lost: the same grant once more.
  granted = record
elseif record and record.state == CLAIMED and record.lease_ends > now then
  after_a_step_back(key, record)
  return { differs and 3 or 2, now }
else
  local earlier = record or { attempt = 0, fence = u64(0) }
  granted = {
    state = CLAIMED,
    token = token,
    corrected = differs,
    attempt = math.min(earlier.attempt + 1, HALF - 1),
    fence = fence_after(earlier.fence),
    fingerprint = fingerprint,
    name = name,
  }
end
granted.lease_ends, granted.lease = lease_ends, tonumber(lease)
granted.kept_until = kept_until
local failed = write(key, granted)
if failed then return failed end
return { 1, now, granted.attempt, granted.fence, granted.corrected and 1 or 0 }
