-- As the first edition had it; see first_edition.rs.

local VERSION = 1
local CLAIMED, DONE, RELEASED = 1, 2, 3
local FINGERPRINT, BOUND, CORRECTED, NAMED, BODY = 8, 16, 32, 64, 128
local HALF = 4294967296
local UNREADABLE = 0

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function u64(number)
  local low = number % HALF
  return struct.pack('>I4I4', (number - low) / HALF, low)
end

local function number_at(value, at)
  local high, low = struct.unpack('>I4I4', value, at)
  return high * HALF + low
end

local function parse(value)
  if #value < 38 or string.byte(value, 1) ~= VERSION then return nil end
  local flags = string.byte(value, 2)
  local record = {
    state = flags % 8,
    bound = bit.band(flags, BOUND) ~= 0,
    corrected = bit.band(flags, CORRECTED) ~= 0,
    token = string.sub(value, 3, 18),
    kept_until = number_at(value, 19),
    fence = string.sub(value, 27, 34),
    attempt = struct.unpack('>I4', value, 35),
    name = '',
  }
  local at = 39
  if bit.band(flags, FINGERPRINT) ~= 0 then
    if #value < at + 15 then return nil end
    record.fingerprint = string.sub(value, at, at + 15)
    at = at + 16
  end
  if record.state == CLAIMED then
    if #value < at + 7 then return nil end
    record.lease_ends = number_at(value, at)
    at = at + 8
  elseif record.state == DONE then
    if #value < at + 1 then return nil end
    record.status = struct.unpack('>I2', value, at)
    at = at + 2
  elseif record.state ~= RELEASED then
    return nil
  end
  if bit.band(flags, NAMED) ~= 0 then
    if #value < at + 3 then return nil end
    local length = struct.unpack('>I4', value, at)
    if #value < at + 3 + length then return nil end
    record.name = string.sub(value, at + 4, at + 3 + length)
    at = at + 4 + length
  end
  -- What no state of its own has: nothing that is written here.
  if record.state ~= CLAIMED and (record.bound or record.corrected) then return nil end
  if bit.band(flags, BODY) ~= 0 then
    if record.state ~= DONE then return nil end
    record.body = string.sub(value, at)
  elseif #value >= at then
    return nil
  end
  return record
end

local function read(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then
    if string.find(value.err, 'WRONGTYPE', 1, true) then return nil, { UNREADABLE, now } end
    return nil, value
  end
  if not value then return nil end
  local record = parse(value)
  if not record then return nil, { UNREADABLE, now } end
  if record.kept_until <= now then return nil end
  return record
end

local function write(key, record)
  local flags = record.state
  local parts = {
    '', record.token, u64(record.kept_until), record.fence, struct.pack('>I4', record.attempt),
  }
  if record.fingerprint then
    flags = flags + FINGERPRINT
    parts[#parts + 1] = record.fingerprint
  end
  if record.state == CLAIMED then
    if record.bound then flags = flags + BOUND end
    if record.corrected then flags = flags + CORRECTED end
    parts[#parts + 1] = u64(record.lease_ends)
  elseif record.state == DONE then
    parts[#parts + 1] = struct.pack('>I2', record.status)
  end
  if record.name ~= '' then
    flags = flags + NAMED
    parts[#parts + 1] = struct.pack('>I4', #record.name)
    parts[#parts + 1] = record.name
  end
  if record.body then
    flags = flags + BODY
    parts[#parts + 1] = record.body
  end
  parts[1] = string.char(VERSION, flags)
  -- Milliseconds, rounded up: Redis never drops a record that the rules still keep.
  local ends = string.format('%.0f', math.ceil(record.kept_until / 1000))
  local reply = redis.pcall('SET', key, table.concat(parts), 'PXAT', ends)
  if reply.err then return reply end
end

local answers = { now }
for place, key in ipairs(KEYS) do
  local first = (place - 1) * 4
  local token, bind = ARGV[first + 1], ARGV[first + 2]
  local record, answer = read(key)
  if answer and answer.err then return answer end
  local outcome = 2
  if answer then
    outcome = UNREADABLE
  elseif record and record.state == CLAIMED and record.token == token then
    if bind ~= '' then record.bound, record.fingerprint = true, bind end
    record.lease_ends = now + ARGV[first + 3]
    record.kept_until = math.max(now + ARGV[first + 4], record.lease_ends)
    local failed = write(key, record)
    if failed then return failed end
    outcome = 1
  end
  answers[place + 1] = outcome
end
return answers
