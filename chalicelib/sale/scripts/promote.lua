-- promote: settle what has lapsed, admit whom the sale has room for, and end the line of a sale that is sold out.
-- Uses line
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
-- Returns
--   {"PROMOTED", now_ms, state, admitted, lapsed, expired_units, unlinked, more, waiting, active, held, outbox, opens_at_ms} always (more: 1 when bounded work is left)
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
-- Writes counters, waiting, active, claimed, holds, orders, free, seats, seat_changes, outbox
local config = call('HMGET', CONFIG, 'epoch', 'loading', 'closed', 'closes_at_ms', 'opens_at_ms', 'paused', 'standby', 'claim_ms')
epoch = config[1]
if not epoch then return {'NO_SUCH_SALE', now, '', 0} end
local counters = call('HMGET', COUNTERS, 'version', 'held', 'confirmed', 'capacity', 'next_deadline_ms',
  'admitted_through', 'pace', 'pace_at_ms', 'pace_from_ms', 'ms_per_place')
local state = state_of(config[2], config[3], config[4], config[5], config[6])
if state == 'DRAFT' then return {'PROMOTED', now, state, 0, 0, 0, 0, 0, 0, 0, 0, 0, tonumber(config[5])} end
version, held, confirmed = tonumber(counters[1]), tonumber(counters[2]), tonumber(counters[3])
next_deadline = tonumber(counters[5]) or math.huge
local expired, lapsed, unlinked = 0, 0, 0
if now >= next_deadline then expired, lapsed = settle(200) end

local free = counters[4] - held - confirmed
local waiting = call('ZCARD', WAITING)
local admitted = 0
if state == 'OPEN' and waiting > 0 and free > 0 then
  local places, tokens = admission(waiting, free)
  admitted = min(places, 1000)
  if admitted > 0 then
    local deadline = now + config[8]
    local popped = call('ZPOPMIN', WAITING, admitted)
    for first = 1, #popped, 1000 do
      local places = {}
      for i = first, min(first + 999, #popped), 2 do
        places[#places + 1] = deadline
        places[#places + 1] = popped[i]
      end
      call('ZADD', ACTIVE, unpack(places))
    end
    local through = math.max(tonumber(counters[6]), tonumber(popped[#popped]))
    call('HSET', COUNTERS, 'admitted_through', through, 'tokens', math.max(0, tokens - admitted), 'tokens_at_ms', now)
    call('HINCRBY', COUNTERS, 'admitted', admitted)
    note_deadline(deadline)
    waiting = waiting - admitted
  end
end
-- Admissions seen lately: a count that fades with a time constant of 10 s, divided by the time it has been watched.
local pace = (tonumber(counters[7]) or 0) * math.exp((tonumber(counters[8]) or now) / 1e4 - now / 1e4) + admitted
local from = admitted > 0 and (pace - admitted < 0.5) and now or tonumber(counters[9]) or now
local ms_per_place = ''
if pace >= 0.5 then
  local watched = 1e4 * (1 - math.exp(-math.max(1000, now - from) / 1e4))
  ms_per_place = string.format('%.1f', watched / pace)
end
if admitted > 0 then
  call('HSET', COUNTERS, 'pace', pace, 'pace_at_ms', now, 'pace_from_ms', from)
end
if ms_per_place ~= (counters[10] or '') then call('HSET', COUNTERS, 'ms_per_place', ms_per_place) end

if free == 0 and held == 0 and config[7] == '0' and waiting > 0 then
  unlinked, waiting = waiting, 0
  call('UNLINK', WAITING)
end
local more = (expired + lapsed >= 200 or admitted == 1000) and 1 or 0
return {'PROMOTED', now, state, admitted, lapsed, expired, unlinked, more, waiting, call('ZCARD', ACTIVE), held, call('XLEN', OUTBOX), tonumber(config[5])}
