-- The same where there is something already. After accept_new.lua, which says what is asked and answered.

local function repeated(differs)
  if not differs then return { 4, now } end
  return { has_own_id == '1' and 5 or 6, now }
end

-- By which the state of an order key is found.
local function hash_in(order) return string.sub(order, 10) end

local entry, answer = find(key)
if answer then return answer end
local before = entry and member_of(key, entry)
local had_past = redis.call('EXISTS', past) == 1

-- What was found untrue keeps no place from other content.
local makes_way = entry and entry.untrue and entry.fingerprint ~= fingerprint
if not entry or entry.is_over or makes_way then
  local record, answer
  if not makes_way or entry.is_over then record, answer = read_record(inline) end
  if answer then return answer end
  if record and record.state == CLAIMED and record.lease_ends > now then return { 8, now } end
  if record and record.state == DONE then
    return repeated(record.fingerprint ~= nil and record.fingerprint ~= fingerprint)
  end
  if is_full() then return { 9, now } end
  local fresh = {
    state = QUEUED, at = now, lease = 0, attempts = 0, deaths = 0, fence = u64(0), corrected = false,
    fingerprint = fingerprint, accepted = u64(now), size = tonumber(size), route = route, names = names,
    order_key = order_key, order = order,
  }
  local failed = write(keys, fresh, before, content)
  if failed then return failed end
  count_new()
  if had_past then redis.call('DEL', past) end
  drop_what_is_over()
  return { 1, now }
end

-- It may come back into an index that has lost it.
counted[index] = nil
local differs = entry.fingerprint ~= fingerprint
local outcome, left
if entry.state == QUEUED and differs and (entry.attempts > 0 or had_past) then
  outcome = 2
elseif entry.state == DEAD then
  if entry.revived then
    local high, low = struct.unpack('>I4I4', entry.revived)
    if high * HALF + low + revive_every > now then return { 7, now } end
  end
  outcome = 3
  entry.state, entry.at, entry.token = QUEUED, now, nil
  entry.attempts, entry.deaths, entry.revived = 0, 0, u64(now)
else
  -- Where the index was lost, it is there again; what no worker would find is not acknowledged.
  local reply = redis.pcall('ZADD', index, '0', before)
  local waits = entry.state == QUEUED or entry.state == TAKEN or entry.state == BEGUN
  if waits and type(reply) == 'table' and redis.call('ZLEXCOUNT', index, '[' .. before, '[' .. before) == 0 then
    return reply
  end
  return repeated(differs)
end
-- What is known keeps the route by which it came first, and the order key is one of that.
if order ~= '' and route ~= entry.route then return { 10, now, entry.route } end
entry.corrected = entry.corrected or differs
entry.fingerprint, entry.size = fingerprint, tonumber(size)
if hash_in(entry.order) ~= hash_in(order) then
  -- Content that is about something else no longer holds the order key.
  if entry.holds then left = entry.order end
  entry.holds = false
end
entry.order_key, entry.order = order_key, order
local failed = write(keys, entry, before, content)
if failed then return failed end
return { outcome, now, left }
