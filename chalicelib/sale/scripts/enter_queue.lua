-- enter_queue: give a buyer a place in the line, or in the sale at once when nobody waits.
-- Uses line
-- KEYS[1] config hash settings and epoch
-- KEYS[2] counters hash version, stock, sequence, deadlines
-- KEYS[3] waiting zset user to queue number
-- KEYS[4] active zset user to deadline
-- KEYS[5] claimed set who has shown up
-- KEYS[6] holds zset user to deadline
-- KEYS[7] orders hash user to record
-- KEYS[8] free zset seat to place in the plan
-- KEYS[9] seats hash taken seat to state, place and user
-- KEYS[10] seat_changes zset seat to version
-- KEYS[11] outbox stream events
-- ARGV[1] user string the buyer
-- Returns
--   {"WAITING", now_ms, "", number, rank, eta_ms, poll_ms} when in line, new or as before
--   {"ACTIVE", now_ms, "", 0, 0, -1, 0, deadline_ms} when it is the buyer's turn
--   {"HELD", now_ms, record} when the buyer holds a reservation
--   {"CONFIRMED", now_ms, record} when the buyer has bought
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
--   {"SALE_NOT_OPEN", now_ms, "", queue_opens_at_ms} when the line is not open yet (0: not known)
--   {"SALE_CLOSED", now_ms, "", 0} when nothing is sold any more
--   {"SOLD_OUT", now_ms, "", 0} when nothing is free, nothing is held and nobody may wait for returns
-- Writes counters, waiting, active, claimed, and what settling writes: holds, orders, free, seats, seat_changes, outbox
local user = ARGV[1]
local config = call('HMGET', CONFIG, 'epoch', 'loading', 'closed', 'closes_at_ms', 'opens_at_ms', 'paused',
  'queue_opens_at_ms', 'standby', 'claim_ms', 'active_ms')
epoch = config[1]
if not epoch then return {'NO_SUCH_SALE', now, '', 0} end
local counters = call('HMGET', COUNTERS, 'version', 'held', 'confirmed', 'capacity', 'next_deadline_ms', 'sequence', 'ms_per_place')
version, held, confirmed = tonumber(counters[1]), tonumber(counters[2]), tonumber(counters[3])
next_deadline = tonumber(counters[5]) or math.huge
local state = state_of(config[2], config[3], config[4], config[5], config[6])
if state == 'DRAFT' then return {'SALE_NOT_OPEN', now, '', 0} end
settle_caller(user)

local record = call('HGET', ORDERS, user)
local bought = record and (match(record, '^(HELD) ') or match(record, '^(CONFIRMED) '))
if bought then return {bought, now, record} end
if state == 'CLOSED' then
  call('HINCRBY', COUNTERS, 'refused_sale_closed', 1)
  return {'SALE_CLOSED', now, '', 0}
end
local place = call('ZSCORE', ACTIVE, user)
if place then return {'ACTIVE', now, '', 0, 0, -1, 0, claim(user, config[10], place)} end
local waiting = call('ZCARD', WAITING)
local number = waiting > 0 and call('ZSCORE', WAITING, user)
if number then
  local rank = call('ZRANK', WAITING, user) + 1
  return {'WAITING', now, '', tonumber(number), rank, outlook(rank, state, counters[7], config[9], config[5])}
end

local free = counters[4] - held - confirmed
local queue_opens_at = config[7] ~= '0' and config[7] or config[5]
if state == 'SCHEDULED' and now < tonumber(queue_opens_at) then
  call('HINCRBY', COUNTERS, 'refused_sale_not_open', 1)
  return {'SALE_NOT_OPEN', now, '', tonumber(queue_opens_at)}
elseif free == 0 and held == 0 and config[8] == '0' then
  call('HINCRBY', COUNTERS, 'refused_sold_out', 1)
  return {'SOLD_OUT', now, '', 0}
end
number = counters[6] + 1
if waiting == 0 and state == 'OPEN' then
  local places, tokens = admission(1, free)
  if places > 0 then
    call('HSET', COUNTERS, 'sequence', number, 'admitted_through', number, 'tokens', math.max(0, tokens - 1), 'tokens_at_ms', now)
    call('HINCRBY', COUNTERS, 'admitted', 1)
    return {'ACTIVE', now, '', 0, 0, -1, 0, claim(user, config[10])}
  end
end
call('ZADD', WAITING, number, user)
call('HSET', COUNTERS, 'sequence', number)
return {'WAITING', now, '', number, waiting + 1, outlook(waiting + 1, state, counters[7], config[9], config[5])}
