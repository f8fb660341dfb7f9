-- How the scripts of this folder read and write any record. After layout.lua, and after what a script
-- does in the usual case: defining these functions takes longer than that.

local function u64(number)
  local low = number % HALF
  return struct.pack('>I4I4', (number - low) / HALF, low)
end

local function number_at(value, at)
  local high, low = struct.unpack('>I4I4', value, at)
  return high * HALF + low
end

-- What the record says, without regard to whether it is still kept; nil where it is unreadable.
local function parse(value)
  if #value < 38 or string.byte(value, 1) ~= VERSION then return nil end
  local flags = string.byte(value, 2)
  local record = {
    state = flags % 8,
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
    if record.state == CLAIMED then
      local lease, name = string.match(record.name .. ':', '^%-lease:(%d+):(.*)$')
      if lease then record.lease, record.name = tonumber(lease), string.sub(name, 1, -2) end
    end
  end
  -- What no state of its own has: nothing that is written here.
  local bound = bit.band(flags, BOUND) ~= 0
  if record.state ~= CLAIMED and (bound or record.corrected) then return nil end
  -- An earlier version claimed before the event was confirmed: that refuses no other content.
  if record.state == CLAIMED and not bound then record.fingerprint = nil end
  if bit.band(flags, BODY) ~= 0 then
    if record.state ~= DONE then return nil end
    record.body = string.sub(value, at)
    local zero = string.find(record.name, '\0', 1, true)
    if zero then record.content_type = string.sub(record.name, zero + 1) end
  elseif #value >= at then
    return nil
  end
  return record
end

-- The record that is kept under a key, or nil; and the answer to give at once, if there is one.
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

-- Writes a record that Redis drops once it is no longer kept; returns the error, if there is one.
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
    if record.fingerprint then flags = flags + BOUND end
    if record.corrected then flags = flags + CORRECTED end
    parts[#parts + 1] = u64(record.lease_ends)
  elseif record.state == DONE then
    parts[#parts + 1] = struct.pack('>I2', record.status)
  end
  local name = record.name
  if record.state == CLAIMED and record.lease then
    local lease = LEASE .. string.format('%.0f', record.lease)
    name = name == '' and lease or lease .. ':' .. name
  end
  if name ~= '' then
    flags = flags + NAMED
    parts[#parts + 1] = struct.pack('>I4', #name)
    parts[#parts + 1] = name
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

-- A lease that ends further ahead than it is long was set before the clock was set back: it is as
-- long again from now on. Where that cannot be written the next look does it.
local function after_a_step_back(key, record)
  if record.lease and record.lease_ends > now + record.lease then
    record.lease_ends = now + record.lease
    write(key, record)
  end
end
