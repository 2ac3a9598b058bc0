-- configure_sale: change settings, capacity or, in a seated sale, add seats; archive a finished sale.
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
-- KEYS[12] contacts hash only archived with the rest
-- ARGV[1] capacity string the new capacity of a counted sale, empty to keep it
-- ARGV[2] archive_ms string time to live of the keys of a sale to be archived, empty to go on
-- ARGV[3] fields number how many of the arguments that follow are settings
-- ARGV[4] settings string field, value, field, value …; then seat ids to add (1,000 at most)
-- Returns
--   {"CHANGED", now_ms, "", version} when something differs now
--   {"UNCHANGED", now_ms, "", version} when nothing does
--   {"ARCHIVED", now_ms, "", version} when the keys are going to be forgotten
--   {"FIXED_ONCE_OPEN", now_ms, field, 0} when the field may not change any more
--   {"CAPACITY_TOO_SMALL", now_ms, "", least} when more than that is held or sold
--   {"NOT_COUNTED", now_ms, "", 0} when a capacity is given for a seated sale
--   {"NOT_SEATED", now_ms, "", 0} when seats are given for a counted sale
--   {"NOT_FINISHED", now_ms, what, 0} when the sale cannot be archived yet, and why
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale, it is still a draft, or archived
-- Writes sale, free, plan, outbox; archiving sets a time to live on every key
--@ append
--@ state_of
local capacity, archive_ms, fields = ARGV[1], ARGV[2], tonumber(ARGV[3])
local sale = {}
local flat = call('HGETALL', SALE)
for i = 1, #flat, 2 do sale[flat[i]] = flat[i + 1] end
if not sale.version then return {'NO_SUCH_SALE', now, '', 0} end
epoch, version = sale.epoch, tonumber(sale.version)
local taken, old_capacity = sale.held + sale.confirmed, tonumber(sale.capacity)
local state = state_of(sale.loading, sale.closed, sale.closes_at_ms, sale.opens_at_ms, sale.paused)

if archive_ms ~= '' and sale.archived == '1' then return {'ARCHIVED', now, '', version} end
if sale.archived == '1' then return {'NO_SUCH_SALE', now, '', 0} end
if archive_ms ~= '' then
  local why = state ~= 'CLOSED' and 'not closed' or sale.held ~= '0' and 'something is held' or call('XLEN', OUTBOX) > 0 and 'events wait in the outbox'
  if why then return {'NOT_FINISHED', now, why, 0} end
  call('HSET', SALE, 'archived', '1')
  for _, key in ipairs(KEYS) do call('PEXPIRE', key, archive_ms) end
  return {'ARCHIVED', now, '', version}
end
local added, known = {}, {}
for i = 4 + fields, #ARGV do
  local seat = ARGV[i]
  known[seat] = known[seat] or call('ZSCORE', FREE, seat) or call('HEXISTS', SEATS, seat) == 1
  if not known[seat] then added[#added + 1] = seat end
  known[seat] = true
end
local opened = now >= tonumber(sale.opens_at_ms)
local changes = {}
for i = 4, 3 + fields, 2 do
  if sale[ARGV[i]] ~= ARGV[i + 1] then
    local fixed = ARGV[i] == 'payment' or ARGV[i] == 'opens_at_ms'
    if fixed and opened then return {'FIXED_ONCE_OPEN', now, ARGV[i], 0} end
    changes[#changes + 1] = ARGV[i]
    changes[#changes + 1] = ARGV[i + 1]
    sale[ARGV[i]] = ARGV[i + 1]
  end
end
if #ARGV > 3 + fields and sale.seated ~= '1' then return {'NOT_SEATED', now, '', 0} end
if capacity ~= '' and sale.seated == '1' then return {'NOT_COUNTED', now, '', 0} end
if capacity ~= '' and tonumber(capacity) < taken then return {'CAPACITY_TOO_SMALL', now, '', taken} end
local new_capacity = (tonumber(capacity) or old_capacity) + #added
if #changes == 0 and new_capacity == old_capacity then return {'UNCHANGED', now, '', version} end

if #changes > 0 then call('HSET', SALE, unpack(changes)) end
sale.capacity = tostring(new_capacity)
sale.definition = nil
append('SALE_CHANGED ' .. now .. ' ' .. cjson.encode(sale))  -- the relay picks the settings out of it
call('HSET', SALE, 'version', version, 'capacity', new_capacity)
if #added > 0 then
  local loaded = call('RPUSH', PLAN, unpack(added))
  for i, seat in ipairs(added) do call('ZADD', FREE, loaded - #added + i, seat) end
  call('HSET', SALE, 'plan_version', version)
end
return {'CHANGED', now, '', version}
