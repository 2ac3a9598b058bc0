-- enter_queue: give a buyer a place in the line, or in the sale at once when nobody waits.
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
--   {"WAITING", now_ms, "", number, rank, eta_ms, poll_ms} when in line, new or as before
--   {"ACTIVE", now_ms, "", 0, 0, -1, 0, deadline_ms} when it is the buyer's turn
--   {"HELD", now_ms, record} when the buyer holds a reservation
--   {"CONFIRMED", now_ms, record} when the buyer has bought
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
--   {"SALE_NOT_OPEN", now_ms, "", queue_opens_at_ms} when the line is not open yet (0: not known)
--   {"SALE_CLOSED", now_ms, "", 0} when nothing is sold any more
--   {"SOLD_OUT", now_ms, "", 0} when nothing is free, nothing is held and nobody may wait for returns
-- Writes sale, waiting, active, and what settling writes: holds, orders, free, seats, seat_changes, outbox
local user = ARGV[1]
local sale = call('HMGET', SALE, 'epoch', 'version', 'held', 'confirmed', 'next_deadline_ms', 'capacity', 'sequence', 'ms_per_place',
  'loading', 'closed', 'closes_at_ms', 'opens_at_ms', 'paused', 'queue_opens_at_ms', 'standby', 'claim_ms', 'active_ms')
epoch = sale[1]
if not epoch then return {'NO_SUCH_SALE', now, '', 0} end
version, held, confirmed = tonumber(sale[2]), tonumber(sale[3]), tonumber(sale[4])
next_deadline = tonumber(sale[5]) or math.huge
--@ state_of
local state = state_of(sale[9], sale[10], sale[11], sale[12], sale[13])
if state == 'DRAFT' then return {'SALE_NOT_OPEN', now, '', 0} end
if now >= next_deadline then
  --@ append
  --@ settle
  settle_caller(user)
end

local record = call('HGET', ORDERS, user)
local bought = record and (match(record, '^(HELD) ') or match(record, '^(CONFIRMED) '))
if bought then return {bought, now, record} end
if state == 'CLOSED' then
  call('HINCRBY', SALE, 'refused_sale_closed', 1)
  return {'SALE_CLOSED', now, '', 0}
end
local place = call('ZSCORE', ACTIVE, user)
if place then
  --@ claim
  return {'ACTIVE', now, '', 0, 0, -1, 0, claim(user, sale[17], place)}
end

local free = sale[6] - held - confirmed
local queue_opens_at = sale[14] ~= '0' and sale[14] or sale[12]
local refusal = state == 'SCHEDULED' and now < tonumber(queue_opens_at) and 'SALE_NOT_OPEN'
  or free == 0 and held == 0 and sale[15] == '0' and 'SOLD_OUT'
local number, rank = sale[7] + 1, call('ZCARD', WAITING) + 1
if refusal then
  number = call('ZSCORE', WAITING, user)
  if not number then
    call('HINCRBY', SALE, 'refused_' .. string.lower(refusal), 1)
    return {refusal, now, '', refusal == 'SALE_NOT_OPEN' and tonumber(queue_opens_at) or 0}
  end
  rank = call('ZRANK', WAITING, user) + 1
else
  if rank == 1 and state == 'OPEN' then
    --@ admission
    local places, tokens = admission(1, free)
    if places > 0 then
      --@ claim
      call('HSET', SALE, 'sequence', number, 'admitted_through', number, 'tokens', math.max(0, tokens - 1), 'tokens_at_ms', now)
      call('HINCRBY', SALE, 'admitted', 1)
      return {'ACTIVE', now, '', 0, 0, -1, 0, claim(user, sale[17])}
    end
  end
  local number_text = format('%d', number)
  if call('ZADD', WAITING, 'NX', number_text, user) == 1 then
    call('HSET', SALE, 'sequence', number_text)
  else  -- in line already: the number stays what it was
    number = call('ZSCORE', WAITING, user)
    rank = call('ZRANK', WAITING, user) + 1
  end
end
--@ outlook
return {'WAITING', now, '', tonumber(number), rank, outlook(rank, state, sale[8], sale[16], sale[12])}
