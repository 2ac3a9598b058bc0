-- reserve: give an active buyer units or seats, all or nothing, and take back the place in the sale.
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
-- ARGV[2] quantity number units or seats wanted (1 to 20)
-- ARGV[3] wanted string seat ids separated by commas, empty for any
-- Returns
--   {"RESERVED", now_ms, record} when the units are the buyer's; as one line, as a list costs a buffer of 16 kB
--   {"REPEATED", now_ms, record, 0} when the same reservation is live already
--   {"ALREADY_RESERVED", now_ms, record, 0} when a different one is
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
--   {"SALE_CLOSED", now_ms, "", 0} when nothing is sold any more
--   {"NOT_ACTIVE", now_ms, "", 0} when it is not this buyer's turn
--   {"OVER_LIMIT", now_ms, "", limit} when more is wanted than one buyer may have
--   {"SOLD_OUT", now_ms, "", 0} when nothing is free
--   {"NOT_ENOUGH_LEFT", now_ms, "", free} when some is free, but less than wanted
--   {"NO_SUCH_SEAT", now_ms, seats, 0} when the plan has no such seat
--   {"SEAT_TAKEN", now_ms, seats, 0} when another buyer has one of them
-- Writes sale, active, holds, orders, free, seats, seat_changes, outbox
local user, quantity, wanted = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local sale = call('HMGET', SALE, 'epoch', 'version', 'held', 'confirmed', 'next_deadline_ms', 'capacity', 'limit_per_buyer',
  'hold_ms', 'payment', 'seated', 'closed', 'closes_at_ms')
epoch = sale[1]
if not epoch then return {'NO_SUCH_SALE', now, '', 0} end
version, held, confirmed = tonumber(sale[2]), tonumber(sale[3]), tonumber(sale[4])
if not version then return {'NOT_ACTIVE', now, '', 0} end  -- a draft: nobody was admitted yet
next_deadline = tonumber(sale[5]) or math.huge
if now >= next_deadline then
  --@ append
  --@ settle
  settle_caller(user)
end

local free = sale[6] - held - confirmed
local closed = sale[11] == '1' or (sale[12] ~= '0' and now >= tonumber(sale[12]))
local possible = not closed and quantity <= tonumber(sale[7]) and quantity <= free
local seats = wanted
if wanted ~= '' then
  for seat in string.gmatch(wanted, '[^,]+') do possible = possible and call('ZSCORE', FREE, seat) end
elseif sale[10] == '1' and possible then
  seats = table.concat(call('ZRANGE', FREE, 0, quantity - 1), ',')
end
-- What has lapsed was settled, so whoever is in `active` has the turn and holds nothing. Taking the place is the first
-- write; where it was not there nothing is written.
if not possible or call('ZREM', ACTIVE, user) == 0 then
  --@ refuse_reserve
end

version = version + 1
local version_text, now_text = format('%d', version), format('%d', now)
local reservation = epoch .. '-' .. version_text
local state, event, deadline = 'CONFIRMED', 'CONFIRMED', ''
if sale[9] == 'none' then
  call('HSET', SALE, 'version', version_text, 'confirmed', format('%d', confirmed + quantity))
else
  state, event = 'HELD', 'RESERVED'
  local deadline_ms = now + sale[8]
  deadline = format('%d', deadline_ms)
  call('ZADD', HOLDS, deadline, user)
  local held_text = format('%d', held + quantity)
  if deadline_ms < next_deadline then
    call('HSET', SALE, 'version', version_text, 'held', held_text, 'next_deadline_ms', deadline)
  else
    call('HSET', SALE, 'version', version_text, 'held', held_text)
  end
end
local rest = ' ' .. ARGV[2] .. ' ' .. deadline .. '   ' .. seats
local record = state .. ' ' .. reservation .. ' ' .. state .. rest
call('HSET', ORDERS, user, record)
call('XADD', OUTBOX, reservation, 'e', event .. ' ' .. now_text .. ' ' .. user .. ' ' .. reservation .. rest)
if seats ~= '' then
  --@ take_seats
  take_seats(user, state, seats)
end
return 'RESERVED ' .. now_text .. ' ' .. record
