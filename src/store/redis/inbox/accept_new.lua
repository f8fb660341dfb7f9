-- Keeps an event that is new. After layout.lua and what gives it these, before ../record.lua, entry.lua and accept.lua:
--
-- keys  the entry, its history, the index, the record of a store beside the inbox
-- fingerprint, has_own_id, revive_every, names, route, size, content, room, order_key, order
--       has_own_id: '1' where other content under this key is a duplicate; revive_every: for how many microseconds a
--       revival bars another; names: route and key, each behind its length; size: length of the content; room: how many
--       entries that are not over the partition holds, or '' where that does not count
--
-- Answers { what became of it, now }: 1 queued, 2 corrected, 3 revived, 4 a duplicate, 5 the same with
-- other content, 6 a conflict, 7 dead, 8 held inline, 9 full, 0 unreadable; and the order that its entry no longer
-- has, where it held an order key. Or { 10, now, the route by which it is known }: its order is to be told as one of that,
-- and nothing has changed.

local key, past, index, inline = unpack(keys)

local function drop_what_is_over()
  for _, kind in ipairs({ 'e', 'f', 'g', 'h' }) do
    local over = redis.call('ZRANGEBYLEX', index, '[' .. kind, '(' .. kind .. u64(now + 1), 'LIMIT', 0, 64)
    if #over > 0 then redis.call('ZREM', index, unpack(over)) end
  end
end

local function is_full()
  if room == '' then return false end
  local count = counted[index] or redis.call('ZLEXCOUNT', index, '[a', '(e')
  counted[index] = count
  return count >= tonumber(room)
end

local function count_new()
  if counted[index] then counted[index] = counted[index] + 1 end
end

do
  -- All else is for accept.lua.
  local is_new = absent[key] and absent[past] and absent[inline]
  if is_new or redis.call('EXISTS', key, past, inline) == 0 then
    if is_full() then return { 9, now } end
    local head = struct.pack('>BBc16c8c8I4I4c8c16c8c8I4', VERSION, QUEUED, NOBODY, u64(now), u64(0), 0, 0,
      u64(0), fingerprint, u64(now), u64(0), size)
    local reply = redis.pcall('SET', key,
      head .. names .. struct.pack('>I2', #order_key) .. order_key .. order .. content)
    if reply.err then return reply end
    absent[key] = nil
    redis.call('ZADD', index, '0', 'a0' .. route .. '\0' .. u64(now) .. struct.pack('>I4', size)
      .. order_in_index(order) .. name_of(key))
    count_new()
    -- One in sixteen does it for all: neither all of those that come together, nor the same ones each time.
    local low, high = string.byte(key, -2, -1)
    if (now + low + high + string.byte(fingerprint)) % 16 == 0 then drop_what_is_over() end
    return { 1, now }
  end
end
