-- requests: what wrk sends. Arguments: method, path in front of the buyer's number, body behind it (or nothing), first
-- number, the range of one thread. Every request is another buyer's; answers are counted by status.
local threads = 0
function setup(thread)
  thread:set('number', threads)
  threads = threads + 1
end

function init(arguments)
  method, path, range = arguments[1], arguments[2], tonumber(arguments[4])
  next_buyer = tonumber(arguments[3]) + number * range
  statuses = {}
  
end

function request()
  next_buyer = next_buyer + 1
  return wrk.format(method, path .. next_buyer)
end

function response(status)
  statuses[status] = (statuses[status] or 0) + 1
  good = statuses[200] or 0
  created = statuses[201] or 0
  accepted = statuses[202] or 0
  others = 0
  for code, count in pairs(statuses) do
    if code >= 300 then others = others + count end
  end
end

local all = {}
local old_setup = setup
function setup(thread)
  old_setup(thread)
  all[#all + 1] = thread
end

function done(summary)
  local ok, other = 0, 0
  for _, thread in ipairs(all) do
    ok = ok + (thread:get('good') or 0) + (thread:get('created') or 0) + (thread:get('accepted') or 0)
    other = other + (thread:get('others') or 0)
  end
  io.write(string.format('RESULT %d %d %d %d\n', ok, other, summary.errors.connect + summary.errors.read + summary.errors.timeout, summary.duration))
end
