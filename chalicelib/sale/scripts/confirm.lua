-- confirm: a payment has come for a reservation. It buys it, or a refund is due; a payment has one fate, once.
-- KEYS[1] sale hash settings, epoch, version, stock, sequence, deadlines
-- KEYS[2] waiting zset user to queue number
-- KEYS[3] active zset user to deadline, half a millisecond more once claimed
-- KEYS[4] holds zset user to deadline
-- KEYS[5] orders hash user to record
-- KEYS[6] free zset seat to place in the plan
-- KEYS[7] seats hash taken seat to state, place and user
-- KEYS[8] seat_changes zset seat to version of its last change
-- KEYS[9] outbox stream events
-- KEYS[10] payments hash payment to fate, user and reservation
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
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale, or it is archived
-- Writes sale, waiting, active, holds, orders, payments, free, seats, seat_changes, outbox
local user, reservation, payment = ARGV[1], ARGV[2], ARGV[3]
--@ append
--@ take_seats
local sale = call('HMGET', SALE, 'epoch', 'version', 'held', 'confirmed', 'next_deadline_ms', 'capacity', 'closed', 'closes_at_ms', 'archived')
if not sale[1] or not sale[2] then return {'NO_SUCH_SALE', now, '', 0} end
epoch = sale[1]
version, held, confirmed = tonumber(sale[2]), tonumber(sale[3]), tonumber(sale[4])
next_deadline = tonumber(sale[5]) or math.huge
-- The caller's own hold is not settled: while the record says HELD the payment is in time, whatever the clock says.
if now >= next_deadline and not sale[9] then
  --@ settle
  settle(5, user)
end

local record = call('HGET', ORDERS, user)
local paid = call('HGET', PAYMENTS, payment)
if paid then
  local fate, owner, bought = match(paid, '^(%S+) (%S+) (%S+)$')
  if owner ~= user or bought ~= reservation then return {'PAYMENT_USED', now, '', 0} end
  if fate == 'PAID' then return {'REPEATED', now, record, 0} end
  return {fate, now, '', 1}
end
-- Nobody relays the events of an archived sale any more, so it makes none.
if sale[9] then return {'NO_SUCH_SALE', now, '', 0} end
if not record then return {'NO_RESERVATION', now, '', 0} end
local _, latest, status, quantity, _, _, _, seats = match(record, RECORD)

local fate
if latest == reservation and status == 'HELD' then
  fate = 'PAID'
elseif latest == reservation and status == 'CONFIRMED' then
  fate = 'ALREADY_PAID'
elseif latest == reservation and status == 'EXPIRED' then
  local closed = sale[7] == '1' or (sale[8] ~= '0' and now >= tonumber(sale[8]))
  fate = not closed and sale[6] - held - confirmed >= tonumber(quantity) and 'PAID' or 'HOLD_EXPIRED'
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
  call('HSET', SALE, 'version', version)
  call('HINCRBY', SALE, 'refunds_due', 1)
  call('HINCRBY', SALE, 'payments_' .. string.lower(fate), 1)
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
  call('HINCRBY', SALE, 'granted_again', 1)
end
call('HSET', SALE, 'version', version, 'held', held, 'confirmed', confirmed + quantity)
return {'PAID', now, record, 0}
