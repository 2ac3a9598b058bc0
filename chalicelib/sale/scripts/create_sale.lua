-- create_sale: create a sale; a seat plan comes in chunks, one call each, and the sale is a draft until the last.
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
-- KEYS[12] payments hash payment to fate, user and reservation
-- KEYS[13] plan list seat ids in plan order
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
--   {"WRONG_CHUNK", now_ms, epoch, seats_loaded} when a chunk before this one is missing
-- Writes config, counters, free, plan, outbox
local definition, capacity, seated, offset, fields = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local config = call('HMGET', CONFIG, 'epoch', 'definition', 'loading')
if config[1] and config[2] ~= definition then return {'SALE_EXISTS', now, config[1], 0} end
local loaded = call('LLEN', PLAN)
if config[1] and config[3] ~= '1' then return {'REPEATED', now, config[1], loaded} end
if offset > loaded then return {'WRONG_CHUNK', now, config[1] or '', loaded} end

epoch, version = config[1] or time[1], 0
if not config[1] then
  call('HSET', CONFIG, 'epoch', epoch, 'definition', definition, 'loading', '1', 'seated', seated, unpack(ARGV, 6, 5 + fields))
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

call('HDEL', CONFIG, 'loading')
local settings = {capacity = ARGV[2], seated = seated}
for i = 6, 5 + fields, 2 do settings[ARGV[i]] = ARGV[i + 1] end
append('SALE_CREATED ' .. now .. ' ' .. cjson.encode(settings))
call('XGROUP', 'CREATE', OUTBOX, 'relay', '0')
call('HSET', COUNTERS, 'version', version, 'capacity', capacity, 'held', 0, 'confirmed', 0, 'sequence', 0, 'admitted_through', 0, 'plan_version', version)
return {'CREATED', now, epoch, loaded}
