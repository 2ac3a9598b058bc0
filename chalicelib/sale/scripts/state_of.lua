-- state_of: derive the state of a sale from its settings and the time.
local function state_of(loading, closed, closes_at_ms, opens_at_ms, paused)
  if loading == '1' then return 'DRAFT' end
  if closed == '1' or (closes_at_ms ~= '0' and now >= tonumber(closes_at_ms)) then return 'CLOSED' end
  if now < tonumber(opens_at_ms) then return 'SCHEDULED' end
  return paused == '1' and 'PAUSED' or 'OPEN'
end
