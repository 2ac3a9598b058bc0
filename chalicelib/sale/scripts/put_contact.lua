-- put_contact: keep where to write to a buyer who waits, is active or has a record. Never part of an event.
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
-- KEYS[12] contacts hash user to where to write to
-- ARGV[1] user string the buyer
-- ARGV[2] contact string what to keep, JSON
-- Returns
--   {"KEPT", now_ms, "", 0} when it is kept, in place of what was
--   {"NOT_IN_SALE", now_ms, "", 0} when the sale does not know the buyer: nobody would ever write
--   {"NO_SUCH_SALE", now_ms, "", 0} when there is no such sale, or it is archived: its contacts are on their way out
-- Writes contacts
local user, contact, contacts = ARGV[1], ARGV[2], KEYS[12]
local sale = call('HMGET', SALE, 'epoch', 'archived')
if not sale[1] or sale[2] == '1' then return {'NO_SUCH_SALE', now, '', 0} end
if not (call('HEXISTS', ORDERS, user) == 1 or call('ZSCORE', ACTIVE, user) or call('ZSCORE', WAITING, user)) then
  return {'NOT_IN_SALE', now, '', 0}
end
call('HSET', contacts, user, contact)
return {'KEPT', now, '', 0}
