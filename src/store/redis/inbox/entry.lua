-- How the scripts of this folder read and write any entry. After layout.lua, and after what a script does in
-- the usual case.

-- The entry under a key, or nil; and the answer to give at once, if there is one. What is over is
-- there too, and says so.
local function find(key)
  local value = redis.pcall('GETRANGE', key, 0, FIRST)
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
  if version ~= VERSION or state < QUEUED or state > DISCARDED then return nil, { UNREADABLE, now } end
  -- Route and key, each behind its length.
  local to = HEAD + 2 + length
  if #value < to + 4 then value = redis.call('GETRANGE', key, 0, to + 3) end
  if #value < to + 4 then return nil, { UNREADABLE, now } end
  local behind = to + 4 + struct.unpack('>I4', value, to + 1)
  if #value < behind then value = redis.call('GETRANGE', key, 0, behind - 1) end
  if #value < behind then return nil, { UNREADABLE, now } end
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
  }
  entry.is_over = (state == FINISHED or state == DISCARDED) and entry.at <= now
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
  if state == FINISHED then return 'e' .. u64(entry.at) .. name end
  if state == DISCARDED then return 'f' .. u64(entry.at) .. name end
  local kind = state == QUEUED and (entry.attempts > 0 and 'b' or 'a') or 'c'
  return kind .. (entry.deaths >= LONE_FROM and '1' or '0') .. entry.route .. '\0' .. u64(entry.at)
    .. struct.pack('>I4', entry.size) .. name
end

local function head_of(entry)
  local flags = entry.state
  if entry.token then flags = flags + BY end
  if entry.revived then flags = flags + REVIVED end
  if entry.corrected then flags = flags + OTHER_CONTENT end
  return struct.pack('>BBc16c8c8I4I4c8c16c8c8I4', VERSION, flags, entry.token or NOBODY, u64(entry.at),
    u64(entry.lease), entry.attempts, entry.deaths, entry.fence, entry.fingerprint, entry.accepted,
    entry.revived or u64(0), entry.size)
end

-- Writes an entry that was found, `before` being its member until now; with content where that is new,
-- and with a history where that has changed. Returns the error, if there is one: nothing is written then,
-- for a script that has written is refused nothing that it writes after that.
local function write(keys, entry, before, content, history)
  local key, past, index = unpack(keys)
  local member = member_of(key, entry)
  if before and before ~= member then
    local reply = redis.pcall('ZREM', index, before)
    if type(reply) == 'table' then return reply end
  end
  local reply
  if entry.state == FINISHED or entry.state == DISCARDED then
    -- Milliseconds, rounded up: Redis never drops what the rules still keep.
    local ends = string.format('%.0f', math.ceil(entry.at / 1000))
    reply = redis.pcall('SET', key, head_of(entry) .. entry.names, 'PXAT', ends)
    if not reply.err then redis.call('PEXPIREAT', past, ends) end
  elseif content then
    reply = redis.pcall('SET', key, head_of(entry) .. entry.names .. content)
  else
    reply = redis.pcall('SETRANGE', key, 0, head_of(entry))
  end
  if type(reply) == 'table' and reply.err then return reply end
  if history then redis.call('SET', past, history) end
  redis.call('ZADD', index, 0, member)
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
  return state == DEAD and 'd' or state == FINISHED and 'e' or 'x'
end
