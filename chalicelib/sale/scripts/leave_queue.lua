-- leave_queue: take a buyer out of the line, or give the place in the sale back. A reservation is not touched.
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
--   {"LEFT", now_ms, "", 0} when the buyer was waiting or active
--   {"NOT_IN_LINE", now_ms, "", 0} when not
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
-- Writes counters, waiting, active, claimed, and what settling writes: holds, orders, free, seats, seat_changes, outbox
local user = ARGV[1]
epoch = call('HGET', CONFIG, 'epoch')
local counters = call('HMGET', COUNTERS, 'version', 'held', 'confirmed', 'next_deadline_ms')
if not epoch then return {'NO_SUCH_SALE', now, '', 0} end
version, held, confirmed = tonumber(counters[1]), tonumber(counters[2]), tonumber(counters[3])
next_deadline = tonumber(counters[4]) or math.huge
if version then settle_caller(user) end
local left = call('ZREM', WAITING, user) + call('ZREM', ACTIVE, user)
call('SREM', CLAIMED, user)
if left > 0 then call('HINCRBY', COUNTERS, 'left', 1) end
return {left > 0 and 'LEFT' or 'NOT_IN_LINE', now, '', 0}
