-- cancel: end a buyer's reservation and give its units back; what was paid for it is due for refund.
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
-- ARGV[2] reservation string EPOCH-VERSION, empty for whatever the buyer holds now
-- Returns
--   {"CANCELLED", now_ms, record, 0} when it ended now
--   {"ENDED", now_ms, record, 0} when it had ended before, as the record says
--   {"NO_RESERVATION", now_ms, "", 0} when the buyer has no such reservation
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
-- Writes counters, active, claimed, holds, orders, payments, free, seats, seat_changes, outbox
local user, reservation = ARGV[1], ARGV[2]
epoch = call('HGET', CONFIG, 'epoch')
local counters = call('HMGET', COUNTERS, 'version', 'held', 'confirmed', 'next_deadline_ms')
if not epoch or not counters[1] then return {'NO_SUCH_SALE', now, '', 0} end
version, held, confirmed = tonumber(counters[1]), tonumber(counters[2]), tonumber(counters[3])
next_deadline = tonumber(counters[4]) or math.huge
if now >= next_deadline then settle(5, user) end

local record = call('HGET', ORDERS, user)
local latest, status
if record then
  local _
  _, latest, status = match(record, RECORD)
end
if not record or latest == '' or (reservation ~= '' and reservation ~= latest) then return {'NO_RESERVATION', now, '', 0} end
if status ~= 'HELD' and status ~= 'CONFIRMED' then return {'ENDED', now, record, 0} end

local units, payment = release(user, 'CANCELLED')
if payment ~= '' then
  call('HSET', PAYMENTS, payment, 'RESERVATION_ENDED ' .. user .. ' ' .. latest)
  append('REFUND_DUE ' .. now .. ' ' .. user .. ' ' .. latest .. '   ' .. payment .. ' cancelled ')
  call('HINCRBY', COUNTERS, 'refunds_due', 1)
end
call('HSET', COUNTERS, 'version', version, 'held', held, 'confirmed', confirmed)
call('HINCRBY', COUNTERS, 'cancelled', units)
return {'CANCELLED', now, call('HGET', ORDERS, user), 0}
