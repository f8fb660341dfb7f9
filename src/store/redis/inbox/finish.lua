-- Says what became of an entry. After layout.lua, plain.lua and entry.lua, and after what gives it these:
--
-- keys  the entry, its history, its index
-- token, verdict, span, reason  verdict: 'done', 'retry', 'back', 'bury' or 'untrue'; for how many microseconds it
--       is known, or left alone
--
-- Answers { 1, now } where it was held, { 2, now } where fenced, { 0, now } where unreadable; and behind the
-- first its order and until when it is known, where it holds its order key no more.

if verdict == 'done' then
  local key, past, index = unpack(keys)
  local value = redis.pcall('GETRANGE', key, '0', PLAIN)
  local to = plain(value, BEGUN)
  if to and string.sub(value, 3, 18) == token then
    local name, ends = name_of(key), u64(now + span)
    local before = plain_member('c', value, to, string.sub(value, 19, 26), name)
    local head = struct.pack('>BBc16c8c8', VERSION, string.byte(value, 2) - BEGUN + FINISHED, token, ends, u64(0))
    local written = head .. string.sub(value, 35, to + 6)
    local at = string.format('%.0f', math.ceil((now + span) / 1000))
    local refused = replace(index, before, 'e' .. ends .. name, 'SET', key, written, 'PXAT', at)
    if refused then return refused end
    if not absent[past] then redis.call('PEXPIREAT', past, at) end
    return { 1, now }
  end
end
local entry, answer = kept(keys[1])
if answer then return answer end
if not entry or entry.token ~= token then return { 2, now } end

local function held()
  if entry.order == '' or verdict == 'retry' or verdict == 'back' then return { 1, now } end
  if verdict == 'bury' and has_flag(entry, HOLDS_BACK) then return { 1, now } end
  return { 1, now, entry.order, u64(entry.at) }
end

local state = entry.state
if state ~= TAKEN and state ~= BEGUN then
  -- A command that is sent again finds what it did.
  local is_again = (state == FINISHED and verdict == (entry.untrue and 'untrue' or 'done')) or (state == DEAD and verdict == 'bury')
    or (state == QUEUED and (verdict == 'retry' or verdict == 'back'))
  return is_again and held() or { 2, now }
end
local before, history = member_of(keys[1], entry), nil
if verdict == 'retry' or verdict == 'bury' then
  history, answer = failed(keys[2], entry.attempts, now, reason)
  if answer then return answer end
elseif verdict == 'back' and state == BEGUN then
  entry.attempts = math.max(entry.attempts - 1, 0)
end
entry.lease = 0
if verdict == 'done' or verdict == 'untrue' then
  entry.state, entry.at, entry.holds = FINISHED, now + span, false
  entry.untrue = verdict == 'untrue'
elseif verdict == 'bury' then
  entry.state, entry.at = DEAD, now
  entry.holds = entry.holds and has_flag(entry, HOLDS_BACK)
else
  entry.state, entry.at = QUEUED, now + span
end
local failed = write(keys, entry, before, nil, history)
if failed then return failed end
return held()
