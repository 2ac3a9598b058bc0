-- refuse_reserve: why a reservation cannot be made, in the order of answers: what the buyer has, the sale, the turn, the
-- stock. Whoever shows up on an admitted place has claimed it, reservation or not.

local record = call('HGET', ORDERS, user)
if record then
  local live, _, _, had, _, _, _, having = match(record, RECORD)
  if live == 'HELD' or live == 'CONFIRMED' then
    local same = tonumber(had) == quantity
    for seat in string.gmatch(wanted, '[^,]+') do
      same = same and string.find(',' .. having .. ',', ',' .. seat .. ',', 1, true) ~= nil
    end
    return {same and 'REPEATED' or 'ALREADY_RESERVED', now, record, 0}
  end
end
local refusal, detail, number = 'NOT_ACTIVE', '', 0
local place = call('ZSCORE', ACTIVE, user)
if place then
  --@ claim
  claim(user, call('HGET', SALE, 'active_ms'), place)
end
if closed then
  refusal = 'SALE_CLOSED'
elseif quantity > tonumber(sale[7]) then
  refusal, number = 'OVER_LIMIT', tonumber(sale[7])
elseif free == 0 and (place or held == 0) then
  refusal = 'SOLD_OUT'
elseif place and free < quantity then
  refusal, number = 'NOT_ENOUGH_LEFT', free
elseif place then
  local taken, unknown = {}, {}
  for seat in string.gmatch(wanted, '[^,]+') do
    if not call('ZSCORE', FREE, seat) then
      local list = call('HEXISTS', SEATS, seat) == 1 and taken or unknown
      list[#list + 1] = seat
    end
  end
  refusal = #unknown > 0 and 'NO_SUCH_SEAT' or 'SEAT_TAKEN'
  detail = table.concat(#unknown > 0 and unknown or taken, ',')
end
call('HINCRBY', SALE, 'refused_' .. string.lower(refusal), 1)
return {refusal, now, detail, number}
