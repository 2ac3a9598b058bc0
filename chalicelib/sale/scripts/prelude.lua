-- prelude: what every script shares: the keys by name, the time, the record of a buyer, settling what has lapsed.
-- The loader sends it in front of each script.
--
-- A buyer's record, one line of `orders`:  state reservation status quantity deadline_ms payment reason seats
-- An event, one line of `outbox` under the id EPOCH-VERSION:  type at_ms user reservation quantity deadline_ms payment
-- reason seats. Words are separated by one space, a word that does not apply is empty, seats are separated by commas.
local CONFIG, COUNTERS, WAITING, ACTIVE, CLAIMED, HOLDS, ORDERS, FREE, SEATS, SEAT_CHANGES, OUTBOX, PAYMENTS, PLAN = unpack(KEYS)
local call, match, floor, min = redis.call, string.match, math.floor, math.min
local RECORD = '^(%S*) (%S*) (%S*) (%S*) (%S*) (%S*) (%S*) (%S*)$'
local time = call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)
-- What a script reads of config and counters, kept here so that settling can change it. next_deadline is a lower bound
-- of all deadlines: while it has not come, nothing can have lapsed and no script needs to look.
local epoch, version, held, confirmed, next_deadline

local function append(line)
  version = version + 1
  call('XADD', OUTBOX, epoch .. '-' .. version, 'e', line)
end

local function take_seats(user, state, seats)
  for seat in string.gmatch(seats, '[^,]+') do
    local place = call('ZSCORE', FREE, seat) or match(call('HGET', SEATS, seat), '^%S+ (%S+)')
    call('ZREM', FREE, seat)
    call('HSET', SEATS, seat, state .. ' ' .. place .. ' ' .. user)
    call('ZADD', SEAT_CHANGES, version, seat)
  end
end

-- End a HELD or CONFIRMED reservation and give its units back; returns its units and its payment.
local function release(user, ended)
  local _, reservation, status, quantity, _, payment, _, seats = match(call('HGET', ORDERS, user), RECORD)
  append(ended .. ' ' .. now .. ' ' .. user .. ' ' .. reservation .. ' ' .. quantity .. '  ' .. payment .. '  ' .. seats)
  for seat in string.gmatch(seats, '[^,]+') do
    call('ZADD', FREE, match(call('HGET', SEATS, seat), '^%S+ (%S+)'), seat)
    call('HDEL', SEATS, seat)
    call('ZADD', SEAT_CHANGES, version, seat)
  end
  call('HSET', ORDERS, user, ended .. ' ' .. reservation .. ' ' .. ended .. ' ' .. quantity .. '  ' .. payment .. '  ' .. seats)
  if status == 'HELD' then
    held = held - quantity
    call('ZREM', HOLDS, user)
  else
    confirmed = confirmed - quantity
  end
  return tonumber(quantity), payment
end

-- End a missed turn. The latest reservation stays in the record: a late payment may still come for it.
local function lapse(user)
  local reason = call('SREM', CLAIMED, user) == 1 and 'time-up' or 'claim-missed'
  local _, reservation, status, quantity, _, payment, _, seats = match(call('HGET', ORDERS, user) or '       ', RECORD)
  call('ZREM', ACTIVE, user)
  call('HSET', ORDERS, user, 'LAPSED ' .. reservation .. ' ' .. status .. ' ' .. quantity .. '  ' .. payment .. ' ' .. reason .. ' ' .. seats)
  call('HINCRBY', COUNTERS, reason == 'time-up' and 'lapsed_time_up' or 'lapsed_claim_missed', 1)
end

-- Release lapsed holds and places, `limit` units at most, and find the next deadline. Returns expired units, lapsed.
local function settle(limit, except)
  local expired, lapsed = 0, 0
  for _, user in ipairs(call('ZRANGEBYSCORE', HOLDS, '-inf', now, 'LIMIT', 0, limit + 1)) do
    if user ~= except and expired < limit then expired = expired + release(user, 'EXPIRED') end
  end
  for _, user in ipairs(call('ZRANGEBYSCORE', ACTIVE, '-inf', now, 'LIMIT', 0, limit + 1)) do
    if user ~= except and expired + lapsed < limit then
      lapse(user)
      lapsed = lapsed + 1
    end
  end
  local first_hold = call('ZRANGE', HOLDS, 0, 0, 'WITHSCORES')[2]
  local first_place = call('ZRANGE', ACTIVE, 0, 0, 'WITHSCORES')[2]
  next_deadline = min(tonumber(first_hold) or math.huge, tonumber(first_place) or math.huge)
  if expired > 0 then call('HINCRBY', COUNTERS, 'expired', expired) end
  call('HSET', COUNTERS, 'version', version, 'held', held, 'next_deadline_ms', next_deadline == math.huge and '' or next_deadline)
  return expired, lapsed
end

-- Settle first the caller's own lapsed hold or place, then five others.
local function settle_caller(user)
  if now < next_deadline then return end
  local hold, place = call('ZSCORE', HOLDS, user), call('ZSCORE', ACTIVE, user)
  if hold and tonumber(hold) <= now then call('HINCRBY', COUNTERS, 'expired', (release(user, 'EXPIRED'))) end
  if place and tonumber(place) <= now then lapse(user) end
  settle(5)
end

-- Remember a deadline that comes before all others.
local function note_deadline(deadline)
  if deadline < next_deadline then call('HSET', COUNTERS, 'next_deadline_ms', deadline) end
end

-- The first time that an admitted buyer shows up sets the deadline of the place, once. Returns the deadline.
local function claim(user, active_ms, deadline)
  if call('SADD', CLAIMED, user) == 0 then return tonumber(deadline) end
  call('ZADD', ACTIVE, now + active_ms, user)
  call('HINCRBY', COUNTERS, 'claimed', 1)
  note_deadline(now + active_ms)
  return now + active_ms
end

local function state_of(loading, closed, closes_at_ms, opens_at_ms, paused)
  if loading == '1' then return 'DRAFT' end
  if closed == '1' or (closes_at_ms ~= '0' and now >= tonumber(closes_at_ms)) then return 'CLOSED' end
  if now < tonumber(opens_at_ms) then return 'SCHEDULED' end
  return paused == '1' and 'PAUSED' or 'OPEN'
end
