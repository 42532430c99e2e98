-- Says which keys a worker calls with.
-- KEYS: the account's hash. ARGV: credential, worker, ms of silence after which a worker is gone, ids...
-- Returns the ids of the credential that are about to be disabled.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSETNX', KEYS[1], 'since', now)
local mine = 'u:' .. ARGV[1] .. ' ' .. ARGV[2]
redis.call('HSET', KEYS[1], mine, now .. ' ' .. table.concat(ARGV, ' ', 4))
local leaving = {}
local prefix = 'l:' .. ARGV[1] .. ' '
local workers = 'u:' .. ARGV[1] .. ' '
local month = 30 * 86400 * 1000
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local field, since = all[i], tonumber(string.match(all[i + 1], '^%d+'))
  if string.sub(field, 1, #prefix) == prefix then
    if since < now - month then
      redis.call('HDEL', KEYS[1], field, 'm:' .. string.sub(field, 3))
    else
      leaving[#leaving + 1] = string.sub(field, #prefix + 1)
    end
  elseif string.sub(field, 1, #workers) == workers and since < now - 10 * tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], field)
  end
end
return leaving
