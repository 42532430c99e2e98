-- Notes that a call with a key was refused.
-- KEYS: the account's hash. ARGV: credential, id.
if redis.call('HEXISTS', KEYS[1], 'l:' .. ARGV[1] .. ' ' .. ARGV[2]) == 0 then
  return 0
end
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], 'm:' .. ARGV[1] .. ' ' .. ARGV[2], t[1] * 1000 + math.floor(t[2] / 1000))
return 1
