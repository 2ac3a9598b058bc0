-- reserve: give an active buyer units or seats, all or nothing, and take back the place in the sale.
-- KEYS[1] config hash settings and epoch
-- KEYS[2] counters hash version, stock, deadlines
-- KEYS[3] waiting zset not read
-- KEYS[4] active zset user to deadline
-- KEYS[5] claimed set who has shown up
-- KEYS[6] holds zset user to deadline
-- KEYS[7] orders hash user to record
-- KEYS[8] free zset seat to place in the plan
-- KEYS[9] seats hash taken seat to state, place and user
-- KEYS[10] seat_changes zset seat to version
-- KEYS[11] outbox stream events
-- ARGV[1] user string the buyer
-- ARGV[2] quantity number units or seats wanted (1 to 20)
-- ARGV[3] wanted string seat ids separated by commas, empty for any
-- Returns
--   {"RESERVED", now_ms, record} when the units are the buyer's
--   {"REPEATED", now_ms, record} when the same reservation is live already
--   {"ALREADY_RESERVED", now_ms, record, 0} when a different one is
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
--   {"SALE_CLOSED", now_ms, "", 0} when nothing is sold any more
--   {"NOT_ACTIVE", now_ms, "", 0} when it is not this buyer's turn
--   {"OVER_LIMIT", now_ms, "", limit} when more is wanted than one buyer may have
--   {"SOLD_OUT", now_ms, "", 0} when nothing is free
--   {"NOT_ENOUGH_LEFT", now_ms, "", free} when some is free, but less than wanted
--   {"NO_SUCH_SEAT", now_ms, seats, 0} when the plan has no such seat
--   {"SEAT_TAKEN", now_ms, seats, 0} when another buyer has one of them
-- Writes counters, active, claimed, holds, orders, free, seats, seat_changes, outbox
local user, quantity, wanted = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local config = call('HMGET', CONFIG, 'epoch', 'seated', 'limit_per_buyer', 'hold_ms', 'payment', 'closed', 'closes_at_ms')
epoch = config[1]
if not epoch then return {'NO_SUCH_SALE', now, '', 0} end
local counters = call('HMGET', COUNTERS, 'version', 'held', 'confirmed', 'capacity', 'next_deadline_ms')
if not counters[1] then return {'NOT_ACTIVE', now, '', 0} end  -- a draft: nobody was admitted yet
version, held, confirmed = tonumber(counters[1]), tonumber(counters[2]), tonumber(counters[3])
next_deadline = tonumber(counters[5]) or math.huge
settle_caller(user)

local record = call('HGET', ORDERS, user)
if record then
  local state, _, _, had, _, _, _, seats = match(record, RECORD)
  if state == 'HELD' or state == 'CONFIRMED' then
    local same = tonumber(had) == quantity
    for seat in string.gmatch(wanted, '[^,]+') do
      same = same and string.find(',' .. seats .. ',', ',' .. seat .. ',', 1, true) ~= nil
    end
    return {same and 'REPEATED' or 'ALREADY_RESERVED', now, record, 0}
  end
end

local free = counters[4] - held - confirmed
local refusal, detail, number = nil, '', 0
local seats = ''
if config[6] == '1' or (config[7] ~= '0' and now >= tonumber(config[7])) then
  return {'SALE_CLOSED', now, '', 0}
elseif quantity > tonumber(config[3]) then
  refusal, number = 'OVER_LIMIT', tonumber(config[3])
elseif free < quantity then
  refusal, number = free == 0 and 'SOLD_OUT' or 'NOT_ENOUGH_LEFT', free
elseif wanted ~= '' then
  local taken, unknown = {}, {}
  for seat in string.gmatch(wanted, '[^,]+') do
    if not call('ZSCORE', FREE, seat) then
      local list = call('HEXISTS', SEATS, seat) == 1 and taken or unknown
      list[#list + 1] = seat
    end
  end
  if #unknown > 0 then refusal, detail = 'NO_SUCH_SEAT', table.concat(unknown, ',')
  elseif #taken > 0 then refusal, detail = 'SEAT_TAKEN', table.concat(taken, ',') end
  seats = wanted
end
if refusal then
  local place = call('ZSCORE', ACTIVE, user)
  if place then claim(user, call('HGET', CONFIG, 'active_ms'), place)
  elseif not (refusal == 'SOLD_OUT' and held == 0) then refusal, detail, number = 'NOT_ACTIVE', '', 0 end
  call('HINCRBY', COUNTERS, 'refused_' .. string.lower(refusal), 1)
  return {refusal, now, detail, number}
end
-- A place that has lapsed was settled above, so whoever is in `active` has the turn. Nothing has been written yet.
if call('ZREM', ACTIVE, user) == 0 then
  call('HINCRBY', COUNTERS, 'refused_not_active', 1)
  return {'NOT_ACTIVE', now, '', 0}
end
call('SREM', CLAIMED, user)

if config[2] == '1' and wanted == '' then
  local best = {}
  for i, seat in ipairs(call('ZRANGE', FREE, 0, quantity - 1)) do best[i] = seat end
  seats = table.concat(best, ',')
end
local reservation = epoch .. '-' .. version + 1
local amount = ARGV[2]
if config[5] == 'none' then
  append('CONFIRMED ' .. now .. ' ' .. user .. ' ' .. reservation .. ' ' .. amount .. '    ' .. seats)
  record = 'CONFIRMED ' .. reservation .. ' CONFIRMED ' .. amount .. '    ' .. seats
  call('HSET', COUNTERS, 'version', version, 'confirmed', confirmed + quantity)
  if seats ~= '' then take_seats(user, 'CONFIRMED', seats) end
else
  local deadline = now + config[4]
  local deadline_text = deadline .. ''
  append('RESERVED ' .. now .. ' ' .. user .. ' ' .. reservation .. ' ' .. amount .. ' ' .. deadline_text .. '   ' .. seats)
  record = 'HELD ' .. reservation .. ' HELD ' .. amount .. ' ' .. deadline_text .. '   ' .. seats
  call('HSET', COUNTERS, 'version', version, 'held', held + quantity)
  call('ZADD', HOLDS, deadline_text, user)
  note_deadline(deadline)
  if seats ~= '' then take_seats(user, 'HELD', seats) end
end
call('HSET', ORDERS, user, record)
return {'RESERVED', now, record}
