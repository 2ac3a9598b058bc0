-- requests: what wrk sends. Arguments: method; path in front of the buyer's number; first number; the range of one
-- thread, or 0 for the same path each time; a header's name and value, if there is one to send. Every request is another
-- buyer's. Good answers are those below 300, and 304.
local threads = {}

function setup(thread)
  thread:set('number', #threads)
  threads[#threads + 1] = thread
end

function init(arguments)
  method, path, range = arguments[1], arguments[2], tonumber(arguments[4])
  next_buyer = tonumber(arguments[3]) + number * range
  headers = arguments[5] and {[arguments[5]] = arguments[6]} or nil
  good, others = 0, 0
end

function request()
  if range == 0 then return wrk.format(method, path, headers) end
  next_buyer = next_buyer + 1
  return wrk.format(method, path .. next_buyer, headers)
end

function response(status)
  if status < 300 or status == 304 then good = good + 1 else others = others + 1 end
end

function done(summary)
  local ok, other = 0, 0
  for _, thread in ipairs(threads) do
    ok = ok + thread:get('good')
    other = other + thread:get('others')
  end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('RESULT %d %d %d %d\n', ok, other, errors, summary.duration))
end
