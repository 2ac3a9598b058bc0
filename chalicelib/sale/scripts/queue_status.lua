-- queue_status: tell a buyer's state; the first one who asks for an admitted place claims it.
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
-- ARGV[1] user string the buyer
-- Returns
--   {"WAITING", now_ms, "", number, rank, eta_ms, poll_ms} when in line
--   {"ACTIVE", now_ms, "", 0, 0, -1, 0, deadline_ms} when it is the buyer's turn
--   {"HELD", now_ms, record} when the buyer holds a reservation
--   {"CONFIRMED", now_ms, record} when the buyer has bought
--   {"LAPSED", now_ms, record} when the turn was missed
--   {"EXPIRED", now_ms, record} when the hold ran out
--   {"CANCELLED", now_ms, record} when the reservation was cancelled
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale
--   {"SALE_CLOSED", now_ms, "", 0} when nothing is sold any more
--   {"SOLD_OUT", now_ms, "", 0} when nothing is free, nothing is held and nobody may wait for returns
--   {"NOT_IN_SALE", now_ms, "", 0} when the buyer never entered, or left
-- Writes counters, active, claimed, and what settling writes: holds, orders, free, seats, seat_changes, outbox
local user = ARGV[1]
local config = call('HMGET', CONFIG, 'epoch', 'loading', 'closed', 'closes_at_ms', 'opens_at_ms', 'paused', 'standby', 'claim_ms', 'active_ms')
epoch = config[1]
if not epoch then return {'NO_SUCH_SALE', now, '', 0} end
local counters = call('HMGET', COUNTERS, 'version', 'held', 'confirmed', 'capacity', 'next_deadline_ms', 'ms_per_place')
version, held, confirmed = tonumber(counters[1]), tonumber(counters[2]), tonumber(counters[3])
next_deadline = tonumber(counters[5]) or math.huge
local state = state_of(config[2], config[3], config[4], config[5], config[6])
if state == 'DRAFT' then return {'NOT_IN_SALE', now, '', 0} end
settle_caller(user)

local record = call('HGET', ORDERS, user)
local word = record and match(record, '^%S+')
if word == 'HELD' or word == 'CONFIRMED' then return {word, now, record} end
local place = call('ZSCORE', ACTIVE, user)
local number = not place and call('ZSCORE', WAITING, user)
if state == 'CLOSED' and (place or number or not record) then
  return {'SALE_CLOSED', now, '', 0}
elseif place then
  return {'ACTIVE', now, '', 0, 0, -1, 0, claim(user, config[9], place)}
elseif number then
  local rank = call('ZRANK', WAITING, user) + 1
  return {'WAITING', now, '', tonumber(number), rank, outlook(rank, state, counters[6], config[8], config[5])}
elseif record then
  return {word, now, record}
elseif config[7] == '0' and held == 0 and counters[4] - confirmed == 0 then
  return {'SOLD_OUT', now, '', 0}
end
return {'NOT_IN_SALE', now, '', 0}
