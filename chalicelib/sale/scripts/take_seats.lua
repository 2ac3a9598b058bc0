-- take_seats: mark seats as HELD or CONFIRMED by a buyer; each keeps its place in the plan.
local function take_seats(user, state, seats)
  for seat in string.gmatch(seats, '[^,]+') do
    local place = call('ZSCORE', FREE, seat) or match(call('HGET', SEATS, seat), '^%S+ (%S+)')
    call('ZREM', FREE, seat)
    call('HSET', SEATS, seat, state .. ' ' .. place .. ' ' .. user)
    call('ZADD', SEAT_CHANGES, version, seat)
  end
end
