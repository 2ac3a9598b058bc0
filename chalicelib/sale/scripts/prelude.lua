-- prelude: the keys by name, the time, and what a script reads of the sale. It stands in front of each script.
-- Other parts stand where a script says `--@ part`: a function costs time whenever its definition is passed, so those
-- of the rare cases are defined only where the case has come.
--
-- A buyer's record, one line of `orders`:  state reservation status quantity deadline_ms payment reason seats
-- An event, one line of `outbox` under the id EPOCH-VERSION:  type at_ms user reservation quantity deadline_ms payment
-- reason seats. Words are separated by one space, a word that does not apply is empty, seats are separated by commas.
local SALE, WAITING, ACTIVE, HOLDS, ORDERS, FREE, SEATS, SEAT_CHANGES, OUTBOX, PAYMENTS, PLAN = unpack(KEYS)
local call, match, format = redis.call, string.match, string.format
local RECORD = '^(%S*) (%S*) (%S*) (%S*) (%S*) (%S*) (%S*) (%S*)$'
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- next_deadline is a lower bound of all deadlines: while it has not come, nothing can have lapsed and no script looks.
local epoch, version, held, confirmed, next_deadline
