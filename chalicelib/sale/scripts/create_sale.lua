-- create_sale: create a sale; a seat plan comes in chunks, one call each, and the sale is a draft until the last.
-- KEYS[1] sale hash settings, epoch, version, stock, sequence, deadlines
-- KEYS[2] waiting zset user to queue number
-- KEYS[3] active zset user to deadline, half a millisecond more once claimed
-- KEYS[4] holds zset user to deadline
-- KEYS[5] orders hash user to record
-- KEYS[6] free zset seat to place in the plan
-- KEYS[7] seats hash taken seat to state, place and user
-- KEYS[8] seat_changes zset seat to version of its last change
-- KEYS[9] outbox stream events
-- KEYS[10] payments hash payment to fate, user and reservation
-- KEYS[11] plan list seat ids in plan order
-- ARGV[1] definition string what is to be created, to recognise the same call again
-- ARGV[2] capacity number units or seats in all
-- ARGV[3] seated number 1 with a seat plan, 0 without
-- ARGV[4] offset number seats in the chunks before this one
-- ARGV[5] fields number how many of the arguments that follow are settings
-- ARGV[6] settings string field, value, field, value …; then the seat ids of this chunk (1,000 at most)
-- Returns
--   {"CREATED", now_ms, epoch, seats_loaded} when the sale is complete
--   {"LOADING", now_ms, epoch, seats_loaded} when more chunks are to come
--   {"REPEATED", now_ms, epoch, seats_loaded} when the same sale is complete already
--   {"SALE_EXISTS", now_ms, epoch, 0} when the id is taken by another definition
--   {"STORE_EVICTS", now_ms, maxmemory_policy, 0} when this Redis may forget keys where memory is short
--   {"WRONG_CHUNK", now_ms, epoch, seats_loaded} when a chunk before this one is missing
-- Writes sale, free, plan, outbox
--@ append
local min = math.min
local definition, capacity, seated, offset, fields = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local sale = call('HMGET', SALE, 'epoch', 'definition', 'loading')
if sale[1] and sale[2] ~= definition then return {'SALE_EXISTS', now, sale[1], 0} end
local loaded = call('LLEN', PLAN)
if sale[1] and sale[3] ~= '1' then return {'REPEATED', now, sale[1], loaded} end
local policy = match(call('INFO', 'memory'), 'maxmemory_policy:(%S+)')
if policy and policy ~= 'noeviction' then return {'STORE_EVICTS', now, policy, 0} end
if offset > loaded then return {'WRONG_CHUNK', now, sale[1] or '', loaded} end

epoch, version = sale[1] or time[1], 0
if not sale[1] then
  call('HSET', SALE, 'epoch', epoch, 'definition', definition, 'loading', '1', 'seated', seated, unpack(ARGV, 6, 5 + fields))
end
local chunk = #ARGV - 5 - fields
if offset == loaded and chunk > 0 then  -- a chunk that is there already is not loaded twice
  local places = {}
  for i = 1, chunk do
    places[2 * i - 1] = loaded + i
    places[2 * i] = ARGV[5 + fields + i]
  end
  call('RPUSH', PLAN, unpack(ARGV, 6 + fields))
  for first = 1, #places, 1000 do call('ZADD', FREE, unpack(places, first, min(first + 999, #places))) end
  loaded = loaded + chunk
end
if seated == '1' and loaded < capacity then return {'LOADING', now, epoch, loaded} end

call('HDEL', SALE, 'loading')
local settings = {capacity = ARGV[2], seated = seated}
for i = 6, 5 + fields, 2 do settings[ARGV[i]] = ARGV[i + 1] end
append('SALE_CREATED ' .. now .. ' ' .. cjson.encode(settings))
redis.pcall('XGROUP', 'CREATE', OUTBOX, 'relay', '0')  -- an outbox left from before may have it
call('HSET', SALE, 'version', version, 'capacity', capacity, 'held', 0, 'confirmed', 0, 'sequence', 0, 'admitted_through', 0, 'plan_version', version)
return {'CREATED', now, epoch, loaded}
