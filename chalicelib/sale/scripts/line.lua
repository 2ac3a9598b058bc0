-- line: what the scripts that know the waiting line share. The loader puts it behind the prelude where a header says
-- `Uses line`.

-- How many may be admitted now, and the tokens before that. max_active and free bound the places, the token bucket the
-- rate (it starts full, holds one second's worth and at least 1), max_outbox lets admission follow what the back end takes.
local function admission(waiting, free)
  local config = call('HMGET', CONFIG, 'max_active', 'admit_per_second', 'overbook', 'max_outbox')
  local bucket = call('HMGET', COUNTERS, 'tokens', 'tokens_at_ms')
  local active, rate = call('ZCARD', ACTIVE), tonumber(config[2])
  local full = math.max(1, rate)
  local tokens = full
  if bucket[1] then tokens = min(full, bucket[1] + math.max(0, now - bucket[2]) / 1000 * rate) end
  if call('XLEN', OUTBOX) >= tonumber(config[4]) then return 0, tokens end
  local places = min(config[1] - active, floor(free * config[3] + 1e-9) - active, waiting)
  if rate > 0 then places = min(places, floor(tokens + 1e-9)) end
  return math.max(0, places), tokens
end

-- ETA and when to ask again, in ms, of the buyer at this rank; ms_per_place is empty where nobody was admitted lately.
-- Never later than a third of the claim time, so that who only obeys it always gets the turn. Those next in line ask
-- within a second, so that their place does not idle.
local function outlook(rank, state, ms_per_place, claim_ms, opens_at_ms)
  local eta = -1
  local poll = min(30000, claim_ms / 3)
  if state == 'OPEN' and tonumber(ms_per_place) then
    eta = floor((rank - 1) * ms_per_place)
    poll = min(poll, eta / 2)
  elseif state == 'OPEN' and rank <= 10 then
    poll = min(poll, 1000)
  elseif state == 'SCHEDULED' then
    poll = min(poll, (opens_at_ms - now) / 2)
  end
  return eta, floor(math.max(250, poll))
end
