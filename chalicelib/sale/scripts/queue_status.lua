-- queue_status: tell a buyer's state; the first one who asks for an admitted place claims it.
-- KEYS[1] sale hash settings, epoch, version, stock, sequence, deadlines
-- KEYS[2] waiting zset user to queue number
-- KEYS[3] active zset user to deadline, half a millisecond more once claimed
-- KEYS[4] holds zset user to deadline
-- KEYS[5] orders hash user to record
-- KEYS[6] free zset seat to place in the plan
-- KEYS[7] seats hash taken seat to state, place and user
-- KEYS[8] seat_changes zset seat to version of its last change
-- KEYS[9] outbox stream events
-- ARGV[1] user string the buyer
-- Returns
--   {"WAITING", now_ms, "", number, rank, eta_ms, poll_ms} when in line
--   {"ACTIVE", now_ms, "", 0, 0, -1, 0, deadline_ms} when it is the buyer's turn
--   {"HELD", now_ms, record} when the buyer holds a reservation
--   {"CONFIRMED", now_ms, record} when the buyer has bought
--   {"LAPSED", now_ms, record} when the turn was missed
--   {"EXPIRED", now_ms, record} when the hold ran out
--   {"CANCELLED", now_ms, record} when the reservation was cancelled
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
--   {"SALE_CLOSED", now_ms, "", 0} when nothing is sold any more
--   {"SOLD_OUT", now_ms, "", 0} when nothing is free, nothing is held and nobody may wait for returns
--   {"NOT_IN_SALE", now_ms, "", 0} when the buyer never entered, or left
-- Writes sale, active, and what settling writes: holds, orders, free, seats, seat_changes, outbox
local user = ARGV[1]
--@ state_of
local sale = call('HMGET', SALE, 'epoch', 'version', 'held', 'confirmed', 'next_deadline_ms', 'capacity', 'ms_per_place',
  'loading', 'closed', 'closes_at_ms', 'opens_at_ms', 'paused', 'standby', 'claim_ms', 'active_ms')
epoch = sale[1]
if not epoch then return {'NO_SUCH_SALE', now, '', 0} end
version, held, confirmed = tonumber(sale[2]), tonumber(sale[3]), tonumber(sale[4])
next_deadline = tonumber(sale[5]) or math.huge
local state = state_of(sale[8], sale[9], sale[10], sale[11], sale[12])
if state == 'DRAFT' then return {'NOT_IN_SALE', now, '', 0} end
if now >= next_deadline then
  --@ append
  --@ settle
  settle_caller(user)
end

local record = call('HGET', ORDERS, user)
local word = record and match(record, '^%S+')
if word == 'HELD' or word == 'CONFIRMED' then return {word, now, record} end
local place = call('ZSCORE', ACTIVE, user)
local number = not place and call('ZSCORE', WAITING, user)
if state == 'CLOSED' and (place or number or not record) then
  return {'SALE_CLOSED', now, '', 0}
elseif place then
  --@ claim
  return {'ACTIVE', now, '', 0, 0, -1, 0, claim(user, sale[15], place)}
elseif number then
  --@ outlook
  local rank = call('ZRANK', WAITING, user) + 1
  return {'WAITING', now, '', tonumber(number), rank, outlook(rank, state, sale[7], sale[14], sale[11])}
elseif record then
  return {word, now, record}
elseif sale[13] == '0' and held == 0 and sale[6] - confirmed == 0 then
  return {'SOLD_OUT', now, '', 0}
end
return {'NOT_IN_SALE', now, '', 0}
