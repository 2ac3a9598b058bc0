-- settle: release what has lapsed. Needs append.

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
local function lapse(user, score)
  local reason = score % 1 == 0 and 'claim-missed' or 'time-up'
  local _, reservation, status, quantity, _, payment, _, seats = match(call('HGET', ORDERS, user) or '       ', RECORD)
  call('ZREM', ACTIVE, user)
  call('HSET', ORDERS, user, 'LAPSED ' .. reservation .. ' ' .. status .. ' ' .. quantity .. '  ' .. payment .. ' ' .. reason .. ' ' .. seats)
  call('HINCRBY', SALE, reason == 'time-up' and 'lapsed_time_up' or 'lapsed_claim_missed', 1)
end

-- Release lapsed holds and places, `limit` units at most, and find the next deadline. Returns expired units, lapsed.
local function settle(limit, except)
  local expired, lapsed = 0, 0
  for _, user in ipairs(call('ZRANGEBYSCORE', HOLDS, '-inf', now, 'LIMIT', 0, limit + 1)) do
    if user ~= except and expired < limit then expired = expired + release(user, 'EXPIRED') end
  end
  local places = call('ZRANGEBYSCORE', ACTIVE, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit + 1)
  for i = 1, #places, 2 do
    if places[i] ~= except and expired + lapsed < limit then
      lapse(places[i], places[i + 1])
      lapsed = lapsed + 1
    end
  end
  local first_hold = call('ZRANGE', HOLDS, 0, 0, 'WITHSCORES')[2]
  local first_place = call('ZRANGE', ACTIVE, 0, 0, 'WITHSCORES')[2]
  next_deadline = math.min(tonumber(first_hold) or math.huge, tonumber(first_place) or math.huge)
  if expired > 0 then call('HINCRBY', SALE, 'expired', expired) end
  call('HSET', SALE, 'version', version, 'held', held, 'next_deadline_ms', next_deadline == math.huge and '' or format('%d', next_deadline))
  return expired, lapsed
end

-- Settle first the caller's own lapsed hold or place, then five others.
local function settle_caller(user)
  if now < next_deadline then return end
  local hold, place = call('ZSCORE', HOLDS, user), call('ZSCORE', ACTIVE, user)
  if hold and tonumber(hold) <= now then call('HINCRBY', SALE, 'expired', (release(user, 'EXPIRED'))) end
  if place and tonumber(place) <= now then lapse(user, place) end
  settle(5)
end
