-- claim: deadlines of places, and the bound of all deadlines.

-- Remember a deadline that comes before all others.
local function note_deadline(deadline)
  if deadline < next_deadline then call('HSET', SALE, 'next_deadline_ms', format('%d', deadline)) end
end

-- The first time that an admitted buyer shows up sets the deadline of the place, and never again: half a millisecond in
-- the score marks a place as claimed. Returns the deadline.
local function claim(user, active_ms, score)
  score = tonumber(score) or 0
  if score % 1 ~= 0 then return score - 0.5 end
  local deadline = now + active_ms
  call('ZADD', ACTIVE, deadline .. '.5', user)
  call('HINCRBY', SALE, 'claimed', 1)
  note_deadline(deadline)
  return deadline
end
