-- How the scripts of this folder read and write any entry. After layout.lua, and after what a script does in
-- the usual case.

-- The entry under a key, or nil; and the answer to give at once, if there is one. What is over is
-- there too, and says so.
local function find(key)
  local value = redis.pcall('GETRANGE', key, '0', FIRST)
  if type(value) == 'table' then
    if string.find(value.err, 'WRONGTYPE', 1, true) then return nil, { UNREADABLE, now } end
    return nil, value
  end
  if value == '' then return nil end
  if #value < HEAD + 2 then return nil, { UNREADABLE, now } end
  local version, flags, token, high, low, lease_high, lease_low, attempts, deaths, fence, fingerprint,
    accepted, revived, size, length =
    struct.unpack('>BBc16I4I4I4I4I4I4c8c16c8c8I4I2', value)
  local state = flags % 8
  if version ~= VERSION or state < QUEUED then return nil, { UNREADABLE, now } end
  -- Route, key and order key, each behind its length.
  local to = HEAD + 2 + length
  if #value < to + 4 then value = redis.call('GETRANGE', key, '0', to + 3) end
  if #value < to + 4 then return nil, { UNREADABLE, now } end
  local behind = to + 4 + struct.unpack('>I4', value, to + 1)
  -- As much more as the longest order takes.
  if #value < behind + 127 then value = redis.call('GETRANGE', key, '0', behind + 126) end
  if #value < behind + 2 then return nil, { UNREADABLE, now } end
  local order_length, order_key, order = struct.unpack('>I2', value, behind + 1), '', ''
  if order_length > 0 then
    order_key = string.sub(value, behind + 3, behind + 2 + order_length)
    order = string.sub(value, behind + 3 + order_length, behind + 27 + order_length)
    if #order < 25 then return nil, { UNREADABLE, now } end
  end
  local entry = {
    state = state,
    token = bit.band(flags, BY) ~= 0 and token or nil,
    at = high * HALF + low,
    lease = lease_high * HALF + lease_low,
    attempts = attempts,
    deaths = deaths,
    fence = fence,
    fingerprint = fingerprint,
    accepted = accepted,
    revived = bit.band(flags, REVIVED) ~= 0 and revived or nil,
    corrected = bit.band(flags, OTHER_CONTENT) ~= 0,
    size = size,
    route = string.sub(value, HEAD + 3, to),
    -- Route and key with their lengths.
    names = string.sub(value, HEAD + 1, behind),
    order_key = order_key,
    order = order,
    holds = bit.band(flags, HOLDS) ~= 0,
    untrue = bit.band(flags, UNTRUE) ~= 0,
    was_stale = state == STALE,
  }
  local ends = state == FINISHED or state == DISCARDED or state == STALE
  entry.is_over = ends and entry.at <= now
  return entry
end

-- The entry under a key while it is kept.
local function kept(key)
  local entry, answer = find(key)
  if entry and entry.is_over then return nil end
  return entry, answer
end

local function member_of(key, entry)
  local state, name = entry.state, name_of(key)
  if state == DEAD then return 'd' .. name end
  if state == FINISHED then return (entry.untrue and 'h' or 'e') .. u64(entry.at) .. name end
  if state == DISCARDED then return 'f' .. u64(entry.at) .. name end
  if state == STALE then return 'g' .. u64(entry.at) .. name end
  local kind = state == QUEUED and (entry.attempts > 0 and 'b' or 'a') or 'c'
  return kind .. (entry.deaths >= LONE_FROM and '1' or '0') .. entry.route .. '\0' .. u64(entry.at)
    .. struct.pack('>I4', entry.size) .. order_in_index(entry.order) .. name
end

-- All that stands before the content.
local function head_of(entry)
  local flags = entry.state
  if entry.token then flags = flags + BY end
  if entry.revived then flags = flags + REVIVED end
  if entry.corrected then flags = flags + OTHER_CONTENT end
  if entry.holds then flags = flags + HOLDS end
  if entry.untrue then flags = flags + UNTRUE end
  local head = struct.pack('>BBc16c8c8I4I4c8c16c8c8I4', VERSION, flags, entry.token or NOBODY, u64(entry.at),
    u64(entry.lease), entry.attempts, entry.deaths, entry.fence, entry.fingerprint, entry.accepted,
    entry.revived or u64(0), entry.size)
  return head .. entry.names .. struct.pack('>I2', #entry.order_key) .. entry.order_key .. entry.order
end

-- Larger than the last fence; by the time where the entry was lost, by one where the clock stands still. At the end
-- of the range it stays there.
local function fence_after(fence)
  local high, low = struct.unpack('>I4I4', fence)
  low = low + 1
  if low == HALF then high, low = high + 1, 0 end
  if high == HALF then high, low = HALF - 1, HALF - 1 end
  local by_one, by_time = struct.pack('>I4I4', high, low), u64(now)
  return is_below(by_one, by_time) and by_time or by_one
end

local function has_flag(entry, flag)
  return entry.order ~= '' and bit.band(string.byte(entry.order, 1), flag) ~= 0
end

-- Whether it is older than this version, and nobody wants it run all the same.
local function is_overtaken(entry, applied)
  return applied ~= '' and has_flag(entry, HAS_VERSION) and not has_flag(entry, FORCED)
    and is_below(string.sub(entry.order, 2, 9), applied)
end

-- Writes an entry that was found, `before` being its member until now; with content where that is new,
-- and with a history where that has changed. Returns the error, if there is one: the entry is as it was
-- then, and in the index. A script that has written is refused nothing for want of memory after that, and
-- still is what its user has no right to.
local function write(keys, entry, before, content, history)
  local key, past, index = unpack(keys)
  local member = member_of(key, entry)
  if before and before ~= member then
    local reply = redis.pcall('ZREM', index, before)
    if type(reply) == 'table' then return reply end
  end
  if entry.was_stale and entry.state ~= STALE then
    redis.call('PERSIST', key)
    redis.call('PERSIST', past)
  end
  local reply
  -- Milliseconds, rounded up: Redis never drops what the rules still keep.
  local ends = string.format('%.0f', math.ceil(entry.at / 1000))
  if entry.state == FINISHED or entry.state == DISCARDED then
    reply = redis.pcall('SET', key, head_of(entry), 'PXAT', ends)
  elseif content then
    reply = redis.pcall('SET', key, head_of(entry) .. content)
  else
    reply = redis.pcall('SETRANGE', key, '0', head_of(entry))
  end
  if type(reply) == 'table' and reply.err then
    if before and before ~= member then redis.pcall('ZADD', index, '0', before) end
    return reply
  end
  absent[key] = nil
  -- Before all that is of less weight: what is not in the index no worker finds.
  redis.call('ZADD', index, '0', member)
  if entry.state == STALE then redis.call('PEXPIREAT', key, ends) end
  if entry.state == FINISHED or entry.state == DISCARDED or entry.state == STALE then
    redis.call('PEXPIREAT', past, ends)
  end
  if history then
    absent[past] = nil
    redis.call('SET', past, history)
  end
end

-- The history under a key with one more failed attempt, the oldest left out where there are more than 8;
-- or nil and the answer to give at once.
local function failed(key, attempt, at, reason)
  local history = redis.pcall('GET', key)
  if type(history) == 'table' then
    if string.find(history.err, 'WRONGTYPE', 1, true) then return nil, { UNREADABLE, now } end
    return nil, history
  end
  history = history or ''
  local count, place, second = 0, 1, nil
  while place + 13 <= #history do
    place = place + 14 + struct.unpack('>I2', history, place + 12)
    count = count + 1
    second = second or place
  end
  if count >= 8 then history = string.sub(history, second) end
  return history .. struct.pack('>I4', attempt) .. u64(at) .. struct.pack('>I2', #reason) .. reason
end

-- How an entry looks from outside, as a letter.
local function status_of(entry)
  local state = entry.state
  if state == QUEUED then return entry.attempts > 0 and 'w' or 'q' end
  if state == TAKEN or state == BEGUN then return entry.at > now and 'r' or 'l' end
  if entry.untrue then return 'm' end
  return state == DEAD and 'd' or state == FINISHED and 'e' or state == STALE and 's' or 'x'
end
