-- outlook: what a waiting buyer is told of the time to come.

-- ETA and when to ask again, in ms, of the buyer at this rank; ms_per_place is empty where nobody was admitted lately.
-- Never later than a third of the claim time, so that who only obeys it always gets the turn. Those next in line ask
-- within a second, so that their place does not idle.
local function outlook(rank, state, ms_per_place, claim_ms, opens_at_ms)
  local eta = -1
  local poll = math.min(30000, claim_ms / 3)
  if state == 'OPEN' and tonumber(ms_per_place) then
    eta = math.floor((rank - 1) * ms_per_place)
    poll = math.min(poll, eta / 2)
  elseif state == 'OPEN' and rank <= 10 then
    poll = math.min(poll, 1000)
  elseif state == 'SCHEDULED' then
    poll = math.min(poll, (opens_at_ms - now) / 2)
  end
  return eta, math.floor(math.max(250, poll))
end
