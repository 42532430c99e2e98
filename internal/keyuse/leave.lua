-- Says that a key is about to be disabled.
-- KEYS: the account's hash. ARGV: credential, id, ms of silence after which a worker is gone.
-- Returns how many workers may still call with it.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSETNX', KEYS[1], 'since', now)
local leaving = 'l:' .. ARGV[1] .. ' ' .. ARGV[2]
if redis.call('HSETNX', KEYS[1], leaving, now) == 1 then
  redis.call('HDEL', KEYS[1], 'm:' .. ARGV[1] .. ' ' .. ARGV[2])
end
local used = 0
local prefix = 'u:' .. ARGV[1] .. ' '
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, #prefix) == prefix then
    local since = tonumber(string.match(all[i + 1], '^%d+'))
    if since >= now - tonumber(ARGV[3]) and string.find(all[i + 1] .. ' ', ' ' .. ARGV[2] .. ' ', 1, true) then
      used = used + 1
    end
  end
end
-- A Redis that was emptied has not heard of all workers until those are gone that say nothing.
if tonumber(redis.call('HGET', KEYS[1], 'since')) > now - tonumber(ARGV[3]) then
  used = used + 1
end
return used
