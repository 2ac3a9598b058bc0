-- admission: how many may come in now.

-- How many may be admitted now, and the tokens before that. max_active and free bound the places, the token bucket the
-- rate (it starts full, holds one second's worth and at least 1), max_outbox lets admission follow what the back end takes.
local function admission(waiting, free)
  local config = call('HMGET', SALE, 'max_active', 'admit_per_second', 'overbook', 'max_outbox')
  local bucket = call('HMGET', SALE, 'tokens', 'tokens_at_ms')
  local active, rate = call('ZCARD', ACTIVE), tonumber(config[2])
  local full = math.max(1, rate)
  local tokens = full
  if bucket[1] then tokens = math.min(full, bucket[1] + math.max(0, now - bucket[2]) / 1000 * rate) end
  if call('XLEN', OUTBOX) >= tonumber(config[4]) then return 0, tokens end
  local places = math.min(config[1] - active, math.floor(free * config[3] + 1e-9) - active, waiting)
  if rate > 0 then places = math.min(places, math.floor(tokens + 1e-9)) end
  return math.max(0, places), tokens
end
