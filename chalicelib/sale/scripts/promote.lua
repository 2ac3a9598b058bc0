-- promote: settle what has lapsed, admit whom the sale has room for, and end the line of a sale that is sold out.
-- KEYS[1] sale hash settings, epoch, version, stock, sequence, deadlines
-- KEYS[2] waiting zset user to queue number
-- KEYS[3] active zset user to deadline, half a millisecond more once claimed
-- KEYS[4] holds zset user to deadline
-- KEYS[5] orders hash user to record
-- KEYS[6] free zset seat to place in the plan
-- KEYS[7] seats hash taken seat to state, place and user
-- KEYS[8] seat_changes zset seat to version of its last change
-- KEYS[9] outbox stream events
-- Returns
--   {"PROMOTED", now_ms, state, admitted, lapsed, expired_units, unlinked, more, waiting, active, held, outbox, opens_at_ms} always (more: 1 when bounded work is left)
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
-- Writes sale, waiting, active, holds, orders, free, seats, seat_changes, outbox
--@ append
--@ settle
--@ state_of
--@ claim
--@ admission
local min = math.min
local sale = call('HMGET', SALE, 'epoch', 'version', 'held', 'confirmed', 'next_deadline_ms', 'capacity',
  'admitted_through', 'pace', 'pace_at_ms', 'pace_from_ms', 'ms_per_place',
  'loading', 'closed', 'closes_at_ms', 'opens_at_ms', 'paused', 'standby', 'claim_ms')
epoch = sale[1]
if not epoch then return {'NO_SUCH_SALE', now, '', 0} end
local state = state_of(sale[12], sale[13], sale[14], sale[15], sale[16])
if state == 'DRAFT' then return {'PROMOTED', now, state, 0, 0, 0, 0, 0, 0, 0, 0, 0, tonumber(sale[15])} end
version, held, confirmed = tonumber(sale[2]), tonumber(sale[3]), tonumber(sale[4])
next_deadline = tonumber(sale[5]) or math.huge
local expired, lapsed, unlinked = 0, 0, 0
local MOST = 181  -- and the units of one more buyer, so 200 at most
if now >= next_deadline then expired, lapsed = settle(MOST) end

local free = sale[6] - held - confirmed
local waiting = call('ZCARD', WAITING)
local admitted = 0
if state == 'OPEN' and waiting > 0 and free > 0 then
  local places, tokens = admission(waiting, free)
  admitted = min(places, 1000)
  if admitted > 0 then
    local deadline = now + sale[18]
    local popped = call('ZPOPMIN', WAITING, admitted)
    for first = 1, #popped, 1000 do
      local places = {}
      for i = first, min(first + 999, #popped), 2 do
        places[#places + 1] = deadline
        places[#places + 1] = popped[i]
      end
      call('ZADD', ACTIVE, unpack(places))
    end
    local through = math.max(tonumber(sale[7]), tonumber(popped[#popped]))
    call('HSET', SALE, 'admitted_through', through, 'tokens', math.max(0, tokens - admitted), 'tokens_at_ms', now)
    call('HINCRBY', SALE, 'admitted', admitted)
    note_deadline(deadline)
    waiting = waiting - admitted
  end
end
-- Admissions seen lately: a count that fades with a time constant of 10 s, over the time that it has been watched. What
-- was watched for less than a second says nothing yet.
local pace = (tonumber(sale[8]) or 0) * math.exp(((tonumber(sale[9]) or now) - now) / 1e4) + admitted
local from = admitted > 0 and (pace - admitted < 0.5) and now or tonumber(sale[10]) or now
local ms_per_place = ''
if pace >= 0.5 and now - from >= 1000 then
  ms_per_place = format('%.1f', 1e4 * (1 - math.exp((from - now) / 1e4)) / pace)
end
if admitted > 0 then
  call('HSET', SALE, 'pace', pace, 'pace_at_ms', now, 'pace_from_ms', from)
end
if ms_per_place ~= (sale[11] or '') then call('HSET', SALE, 'ms_per_place', ms_per_place) end

if free == 0 and held == 0 and sale[17] == '0' and waiting > 0 then
  unlinked, waiting = waiting, 0
  call('UNLINK', WAITING)
end
local more = (expired + lapsed >= MOST or admitted == 1000) and 1 or 0
return {'PROMOTED', now, state, admitted, lapsed, expired, unlinked, more, waiting, call('ZCARD', ACTIVE), held, call('XLEN', OUTBOX), tonumber(sale[15])}
