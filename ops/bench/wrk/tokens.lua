-- tokens: what wrk sends for the cost of identity. Arguments: path; a file with "USER TOKEN" lines; how the caller is
-- named: "user" in the query, "kept" by a token that was seen before, "new" by a header that was not. A scheme may be
-- spelled in 64 ways, and whoever keeps answers keeps them by the whole header: so one token is new 64 times.
local threads = 0
local all = {}
function setup(thread)
  thread:set('number', threads)
  threads = threads + 1
  all[#all + 1] = thread
end

local function spelling(number)
  local spelled = {}
  for place = 1, 6 do
    local letter = ('bearer'):sub(place, place)
    spelled[place] = math.floor(number / 2 ^ (place - 1)) % 2 == 0 and letter or letter:upper()
  end
  return table.concat(spelled)
end

function init(arguments)
  path, mode = arguments[1], arguments[3]
  users, tokens = {}, {}
  for user, token in io.open(arguments[2]):read('*a'):gmatch('(%S+) (%S+)') do
    users[#users + 1] = user
    tokens[#tokens + 1] = token
  end
  sent = number * math.floor(#users / 2)
  good, others = 0, 0
end

function request()
  sent = sent + 1
  local each = sent % #users + 1
  if mode == 'user' then return wrk.format('POST', path .. '?userId=' .. users[each]) end
  -- Threads take odd and even spellings, so that neither sends what the other has sent.
  local scheme = mode == 'kept' and 'Bearer' or spelling(2 * math.floor(sent / #users) % 64 + number)
  return wrk.format('POST', path, {Authorization = scheme .. ' ' .. tokens[each]})
end

function response(status)
  if status < 300 then good = good + 1 else others = others + 1 end
end

function done(summary)
  local ok, other = 0, 0
  for _, thread in ipairs(all) do
    ok = ok + thread:get('good')
    other = other + thread:get('others')
  end
  io.write(string.format('RESULT %d %d %d %d\n', ok, other, summary.errors.connect + summary.errors.read + summary.errors.timeout, summary.duration))
end
