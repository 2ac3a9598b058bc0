-- take_tokens: take one token from each bucket, or from none. A bucket starts full.
-- KEYS[n] bucket string "tokens at_ms", forgotten once it would be full again
-- ARGV[2n-1] rate number tokens that a bucket gets (per second)
-- ARGV[2n] size number tokens that it can hold
-- Returns
--   {"TAKEN", 0} when each had one
--   {"EMPTY", wait_ms} when one had none: how long until each has
-- Writes bucket
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left, wait = {}, 0
for i, bucket in ipairs(KEYS) do
  local rate, size = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tokens = size
  local kept = redis.call('GET', bucket)
  if kept then
    local amount, at = string.match(kept, '^(%S+) (%S+)$')
    tokens = math.min(size, amount + math.max(0, now - at) / 1000 * rate)
  end
  left[i] = tokens - 1
  if left[i] < 0 then wait = math.max(wait, math.ceil(-left[i] / rate * 1000)) end
end
if wait > 0 then return {'EMPTY', wait} end
for i, bucket in ipairs(KEYS) do
  local rate, size = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local full_in = math.ceil((size - left[i]) / rate * 1000)
  redis.call('SET', bucket, string.format('%.3f %d', left[i], now), 'PX', full_in + 1000)
end
return {'TAKEN', 0}
