-- Takes entries that are due. After layout.lua, plain.lua and entry.lua.
--
-- KEYS  for each: the entry, its history, its index, and the set of providers that are paused
-- ARGV  token, lease in microseconds, how many attempts an entry has, '1' where those are wanted whose
--       workers died twice, what is said of an attempt whose worker died, for how many microseconds what is
--       stale is known, how many are wanted; then for each: its member in the index as it was seen, its provider,
--       the newest version of its order key that was completed, '1' where it may run: it holds its order key, or
--       has none, and '1' where its first attempt begins with this
--
-- Answers { now, for each { outcome, entry, history, what stands behind its first byte by now } }: 1 taken, 2 changed and
-- not taken, 3 not as it was seen, 4 stale, 5 buried, 6 not wanted any more, 0 unreadable and out of the way now. What
-- fails is 3 too, and its error the answer where nothing was taken. One that was taken by this call before is taken
-- still: its reply was lost.

local token, lease, max_attempts, lone, died, retention, wanted = unpack(ARGV)
local lease_ends = now + lease
wanted = tonumber(wanted)

-- A body up to here is read together with its head.
local SMALL = 2048
local QUEUED_MEMBER = string.byte('a')

-- Mostly nobody is paused and nothing has failed before, and one question tells.
local asked = {}
for first = 1, #KEYS, 4 do asked[#asked + 1], asked[#asked + 2] = KEYS[first + 1], KEYS[first + 3] end
if redis.call('EXISTS', unpack(asked)) == 0 then
  for _, one in ipairs(asked) do absent[one] = true end
end

-- Whether its provider is paused; and the error where that cannot be told.
local function is_paused(paused, provider)
  if absent[paused] then return false end
  local reply = redis.pcall('SISMEMBER', paused, provider)
  if type(reply) == 'table' then return true, reply end
  return reply == 1
end

-- With an entry as it was before `head` was written: Lua hashes each string that is new, however long it is.
local function taken(value, past, head)
  wanted = wanted - 1
  local history = not absent[past] and redis.pcall('GET', past)
  -- What is no history stops none of the others: they are taken by now.
  if type(history) == 'table' then history = false end
  return { 1, value, history, head }
end

-- Takes a usual entry as it was seen, if it is a small one; nothing where the rest is to see to it.
local function usual(key, past, index, paused, member, provider, begins)
  local last = string.find(member, '\0', 1, true) or #member
  if string.byte(member, 1) ~= QUEUED_MEMBER or #member < last + 13 or string.byte(member, last + 13) ~= 0
    or struct.unpack('>I4', member, last + 9) > SMALL then
    return nil
  end
  local value = redis.pcall('GET', key)
  local to = plain(value, QUEUED)
  if not to or string.sub(value, 35, 38) ~= NONE then return nil end
  local name, high, low = name_of(key), struct.unpack('>I4I4', value, 19)
  if member ~= plain_member('a', value, to, string.sub(value, 19, 26), name) or high * HALF + low > now
    or is_paused(paused, provider) then
    return nil
  end
  local flags, attempts, fence = string.byte(value, 2) - QUEUED, 0, string.sub(value, 43, 50)
  if flags % (2 * BY) < BY then flags = flags + BY end
  local state = TAKEN
  if begins == '1' then state, attempts, fence = BEGUN, 1, fence_after(fence) end
  local ends = u64(lease_ends)
  local head = struct.pack('>Bc16c8c8I4I4c8', flags + state, token, ends, u64(lease), attempts, 0, fence)
  local refused = replace(index, member, plain_member('c', value, to, ends, name), 'SETRANGE', key, '1', head)
  if refused then return refused end
  return taken(value, past, head)
end

-- It is among the dead, for who looks at it, and in nobody's way.
local function aside(key, index, member)
  redis.call('ZREM', index, member)
  redis.call('ZADD', index, '0', 'd' .. name_of(key))
  return { 0 }
end

local function one(number)
  local first = (number - 1) * 4
  local key, past, index, paused = unpack(KEYS, first + 1, first + 4)
  local member, provider, applied, may_run, begins = unpack(ARGV, 3 + number * 5, 7 + number * 5)
  if lone == '0' and may_run == '1' and wanted > 0 then
    local done = usual(key, past, index, paused, member, provider, begins)
    if done then return done end
  end
  local entry, answer = find(key)
  if answer then return answer.err and answer or aside(key, index, member) end
  if not entry then
    redis.call('ZREM', index, member)
    return { 3 }
  end
  local is_held = entry.state == TAKEN or (entry.state == BEGUN and begins == '1')
  if is_held and entry.token == token and entry.at > now then
    return taken(redis.call('GET', key), past)
  end
  if may_run == '1' and wanted <= 0 then return { 6 } end
  local current = member_of(key, entry)
  if current ~= member then
    redis.call('ZREM', index, member)
    redis.call('ZADD', index, '0', current)
    return { 3 }
  end
  if entry.state > BEGUN or entry.at > now or string.sub(member, 2, 2) ~= lone then return { 3 } end
  local stands, unknown = is_paused(paused, provider)
  if stands then return unknown or { 3 } end
  local history, outcome = nil, 1
  if is_overtaken(entry, applied) then
    entry.state, entry.token, entry.at, entry.lease, outcome = STALE, nil, now + retention, 0, 4
    entry.holds = false
  elseif may_run ~= '1' then
    return { 3 }
  elseif entry.state == BEGUN then
    history, answer = failed(past, entry.attempts, entry.at, died)
    if answer then return answer.err and answer or aside(key, index, member) end
    entry.deaths = entry.deaths + 1
    if entry.attempts >= tonumber(max_attempts) then
      entry.state, entry.token, entry.at, entry.lease, outcome = DEAD, nil, now, 0, 5
      entry.holds = entry.holds and has_flag(entry, HOLDS_BACK)
    elseif (entry.deaths >= LONE_FROM) ~= (lone == '1') then
      -- Whoever takes such ones finds it at once.
      entry.state, entry.token, entry.at, entry.lease, outcome = QUEUED, nil, now, 0, 2
    end
  end
  if outcome == 1 then
    if begins == '1' and entry.state == QUEUED and entry.attempts == 0 and entry.deaths == 0 then
      entry.state, entry.attempts, entry.fence = BEGUN, 1, fence_after(entry.fence)
    else
      entry.state = TAKEN
    end
    entry.token, entry.at, entry.lease = token, lease_ends, tonumber(lease)
    entry.holds = entry.order ~= ''
  end
  local refused = write({ key, past, index }, entry, member, nil, history)
  if refused then return refused end
  if outcome > 1 then return { outcome } end
  return taken(redis.call('GET', key), past)
end

local answers, taken, refused = { now }, false, nil
for number = 1, #KEYS / 4 do
  local done, answer = pcall(one, number)
  if not done then answer = { err = tostring(answer) } end
  if answer.err then
    refused, answer = refused or answer, { 3 }
  end
  taken = taken or answer[1] == 1
  answers[number + 1] = answer
end
-- Who took would not hear of it behind an error.
return not taken and refused or answers
