-- Counts a refusal at a server where no other login is known. The third one is believed, each at least ten minutes after
-- the one before; then for as long as it takes to ask about a password or two, and it is counted from the start again.
-- ARGV     now, login
-- Returns  1 if it is believed
local APART, ENOUGH, BELIEVED, LOGINS = 600 * SECOND, 3, 120 * SECOND, 1024
local login = ARGV[2]
local entry = redis.call('HGET', KEYS[6], login)
if not entry and redis.call('HLEN', KEYS[6]) >= LOGINS then
  return 0 -- so many refused and none that works: it is the server
end
local n, last, ends = string.match(entry or '0:0:0', '^(%d+):(%d+):(%d+)$')
n, last, ends = tonumber(n), tonumber(last), tonumber(ends)
if last > now then last, ends = now, math.min(ends, now) end
if ends > now then
  return 1
end
if n > 0 and now - last < APART then
  return 0
end
n, last = n + 1, now
if n >= ENOUGH then
  n, ends = 0, now + BELIEVED
end
redis.call('HSET', KEYS[6], login, n .. ':' .. text(last) .. ':' .. text(ends))
keep()
return ends > now and 1 or 0
