-- append: write an event to the outbox under the next version.
local function append(line)
  version = version + 1
  call('XADD', OUTBOX, epoch .. '-' .. version, 'e', line)
end
