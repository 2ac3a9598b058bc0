-- leave_queue: take a buyer out of the line, or give the place in the sale back. A reservation is not touched.
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
--   {"LEFT", now_ms, "", 0} when the buyer was waiting or active
--   {"NOT_IN_LINE", now_ms, "", 0} when not
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
-- Writes sale, waiting, active, and what settling writes: holds, orders, free, seats, seat_changes, outbox
local user = ARGV[1]
local sale = call('HMGET', SALE, 'epoch', 'version', 'held', 'confirmed', 'next_deadline_ms')
epoch = sale[1]
if not epoch then return {'NO_SUCH_SALE', now, '', 0} end
version, held, confirmed = tonumber(sale[2]), tonumber(sale[3]), tonumber(sale[4])
next_deadline = tonumber(sale[5]) or math.huge
if version and now >= next_deadline then
  --@ append
  --@ settle
  settle_caller(user)
end
local left = call('ZREM', WAITING, user) + call('ZREM', ACTIVE, user)
if left > 0 then call('HINCRBY', SALE, 'left', 1) end
return {left > 0 and 'LEFT' or 'NOT_IN_LINE', now, '', 0}
