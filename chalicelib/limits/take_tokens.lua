-- take_tokens: take one token from each bucket, or from none. A bucket starts full.
-- KEYS[n] bucket string when it will be full again (ms), forgotten a second later
-- ARGV[2n-1] rate number tokens that a bucket gets (per second)
-- ARGV[2n] size number tokens that it can hold
-- Returns
--   "0" when each had one
--   "wait_ms" when one had none: how long until each has
-- Writes bucket
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local full_at, wait = redis.call('MGET', unpack(KEYS)), 0
for i, kept in ipairs(full_at) do
  local rate, size = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local emptied = now + size / rate * 1000  -- when one without a token is full: the latest, if a clock was put back
  full_at[i] = (kept and math.min(math.max(now, tonumber(kept)), emptied) or now) + 1000 / rate
  wait = math.max(wait, full_at[i] - emptied)
end
-- A thousandth of a ms is what is lost by spelling: who waited as long as told is not sent away for it.
if wait > 0.001 then return string.format('%d', math.ceil(wait)) end
for i, bucket in ipairs(KEYS) do
  redis.call('SET', bucket, string.format('%.3f', full_at[i]), 'PX', string.format('%d', full_at[i] - now + 1000))
end
return '0'
