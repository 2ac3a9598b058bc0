-- cancel: end a buyer's reservation and give its units back; what was paid for it is due for refund.
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
-- ARGV[2] reservation string EPOCH-VERSION, empty for whatever the buyer holds now
-- ARGV[3] only_held flag 1 leaves alone what is paid for
-- Returns
--   {"CANCELLED", now_ms, record, 0} when it ended now
--   {"ENDED", now_ms, record, 0} when it had ended before, or is paid for and only_held: as the record says
--   {"NO_RESERVATION", now_ms, "", 0} when the buyer has no such reservation
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale, or it is archived
-- Writes sale, active, holds, orders, payments, free, seats, seat_changes, outbox
local user, reservation, only_held = ARGV[1], ARGV[2], ARGV[3] == '1'
--@ append
--@ settle
local sale = call('HMGET', SALE, 'epoch', 'version', 'held', 'confirmed', 'next_deadline_ms', 'archived')
if not sale[1] or not sale[2] then return {'NO_SUCH_SALE', now, '', 0} end
epoch = sale[1]
version, held, confirmed = tonumber(sale[2]), tonumber(sale[3]), tonumber(sale[4])
next_deadline = tonumber(sale[5]) or math.huge
if now >= next_deadline and not sale[6] then settle(5, user) end

local record = call('HGET', ORDERS, user)
local latest, status
if record then
  local _
  _, latest, status = match(record, RECORD)
end
if not record or latest == '' or (reservation ~= '' and reservation ~= latest) then return {'NO_RESERVATION', now, '', 0} end
if status ~= 'HELD' and (status ~= 'CONFIRMED' or only_held) then return {'ENDED', now, record, 0} end
if sale[6] then return {'NO_SUCH_SALE', now, '', 0} end  -- nobody would relay its event

local units, payment = release(user, 'CANCELLED')
if payment ~= '' then
  call('HSET', PAYMENTS, payment, 'RESERVATION_ENDED ' .. user .. ' ' .. latest)
  append('REFUND_DUE ' .. now .. ' ' .. user .. ' ' .. latest .. '   ' .. payment .. ' cancelled ')
  call('HINCRBY', SALE, 'refunds_due', 1)
  call('HINCRBY', SALE, 'payments_reservation_ended', 1)
end
call('HSET', SALE, 'version', version, 'held', held, 'confirmed', confirmed)
call('HINCRBY', SALE, 'cancelled', units)
return {'CANCELLED', now, call('HGET', ORDERS, user), 0}
