-- confirm: a payment has come for a reservation. It buys it, or a refund is due; a payment has one fate, once.
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
-- KEYS[12] payments hash payment to fate, user and reservation
-- ARGV[1] user string the buyer
-- ARGV[2] reservation string EPOCH-VERSION
-- ARGV[3] payment string the payment provider's id
-- Returns
--   {"PAID", now_ms, record, 0} when the payment buys the reservation
--   {"REPEATED", now_ms, record, 0} when it did so before
--   {"HOLD_EXPIRED", now_ms, "", 1} when the hold ran out and what it held is gone (1: a refund is due)
--   {"RESERVATION_ENDED", now_ms, "", 1} when it was cancelled, or is not the buyer's latest
--   {"ALREADY_PAID", now_ms, "", 1} when another payment has bought it
--   {"PAYMENT_USED", now_ms, "", 0} when this payment came for something else before
--   {"NO_RESERVATION", now_ms, "", 0} when the buyer never had it
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
-- Writes counters, waiting, active, claimed, holds, orders, payments, free, seats, seat_changes, outbox
local user, reservation, payment = ARGV[1], ARGV[2], ARGV[3]
local config = call('HMGET', CONFIG, 'epoch', 'closed', 'closes_at_ms')
local counters = call('HMGET', COUNTERS, 'version', 'held', 'confirmed', 'capacity', 'next_deadline_ms')
if not config[1] or not counters[1] then return {'NO_SUCH_SALE', now, '', 0} end
epoch = config[1]
version, held, confirmed = tonumber(counters[1]), tonumber(counters[2]), tonumber(counters[3])
next_deadline = tonumber(counters[5]) or math.huge
-- The caller's own hold is not settled: while the record says HELD the payment is in time, whatever the clock says.
if now >= next_deadline then settle(5, user) end

local record = call('HGET', ORDERS, user)
local paid = call('HGET', PAYMENTS, payment)
if paid then
  local fate, owner, bought = match(paid, '^(%S+) (%S+) (%S+)$')
  if owner ~= user or bought ~= reservation then return {'PAYMENT_USED', now, '', 0} end
  if fate == 'PAID' then return {'REPEATED', now, record, 0} end
  return {fate, now, '', 1}
end
if not record then return {'NO_RESERVATION', now, '', 0} end
local _, latest, status, quantity, _, _, _, seats = match(record, RECORD)

local fate
if latest == reservation and status == 'HELD' then
  fate = 'PAID'
elseif latest == reservation and status == 'CONFIRMED' then
  fate = 'ALREADY_PAID'
elseif latest == reservation and status == 'EXPIRED' then
  local closed = config[2] == '1' or (config[3] ~= '0' and now >= tonumber(config[3]))
  fate = not closed and counters[4] - held - confirmed >= tonumber(quantity) and 'PAID' or 'HOLD_EXPIRED'
  for seat in string.gmatch(seats, '[^,]+') do
    if not call('ZSCORE', FREE, seat) then fate = 'HOLD_EXPIRED' end
  end
elseif latest == reservation then
  fate = 'RESERVATION_ENDED'
else
  -- Records of older reservations are not kept, but every one has a smaller number than the latest.
  local made_in, made_at = match(reservation, '^(%d+)-(%d+)$')
  local latest_in, latest_at = match(latest, '^(%d+)-(%d+)$')
  if not made_in or not latest_in or made_in + 0 > latest_in + 0 or (made_in == latest_in and made_at + 0 >= latest_at + 0) then
    return {'NO_RESERVATION', now, '', 0}
  end
  fate = 'RESERVATION_ENDED'
end

call('HSET', PAYMENTS, payment, fate .. ' ' .. user .. ' ' .. reservation)
if fate ~= 'PAID' then
  append('REFUND_DUE ' .. now .. ' ' .. user .. ' ' .. reservation .. '   ' .. payment .. ' ' .. string.lower(string.gsub(fate, '_', '-')) .. ' ')
  call('HSET', COUNTERS, 'version', version)
  call('HINCRBY', COUNTERS, 'refunds_due', 1)
  return {fate, now, '', 1}
end
append('CONFIRMED ' .. now .. ' ' .. user .. ' ' .. reservation .. ' ' .. quantity .. '  ' .. payment .. '  ' .. seats)
record = 'CONFIRMED ' .. reservation .. ' CONFIRMED ' .. quantity .. '  ' .. payment .. '  ' .. seats
call('HSET', ORDERS, user, record)
take_seats(user, 'CONFIRMED', seats)
if status == 'HELD' then
  call('ZREM', HOLDS, user)
  held = held - quantity
else  -- granted again: the buyer may stand in line for another, and leaves it
  call('ZREM', WAITING, user)
  call('ZREM', ACTIVE, user)
  call('SREM', CLAIMED, user)
  call('HINCRBY', COUNTERS, 'granted_again', 1)
end
call('HSET', COUNTERS, 'version', version, 'held', held, 'confirmed', confirmed + quantity)
return {'PAID', now, record, 0}
