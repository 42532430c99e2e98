-- Moves what is due of one queue to where it is taken from, and wakes jobs that sleep because of an open breaker. It
-- returns how many are there now that were not before.
-- KEYS[1] asynq's scheduled, KEYS[2] its retry, KEYS[3] its pending, KEYS[4] zset of blocked tasks, by slot
-- ARGV[1] prefix of a task's key, ARGV[2] how many blocked tasks to wake at most
local t = redis.call('TIME')
local moved = 0
local nanos = t[1] .. string.format('%06d', t[2]) .. '000'

local function move(set, id)
  redis.call('ZREM', set, id)
  if redis.call('HEXISTS', ARGV[1] .. id, 'msg') == 0 then
    redis.call('DEL', ARGV[1] .. id) -- evicted, or lost: a ghost would hold its id
    return
  end
  redis.call('LPUSH', KEYS[3], id)
  redis.call('HSET', ARGV[1] .. id, 'state', 'pending', 'pending_since', nanos)
  moved = moved + 1
end

for i = 1, 2 do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', t[1], 'LIMIT', 0, 1000)) do
    move(KEYS[i], id)
  end
end

local most = tonumber(ARGV[2])
if most == 0 then return moved end
local woken = 0
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[4], 0, 999)) do -- the newest wish first: it may know of a mended key
  if redis.call('ZSCORE', KEYS[2], id) then
    move(KEYS[2], id)
    redis.call('ZREM', KEYS[4], id)
    woken = woken + 1
    if woken == most then break end
  elseif redis.call('HGET', ARGV[1] .. id, 'state') ~= 'active' then
    redis.call('ZREM', KEYS[4], id) -- gone, or on its way; what is active is about to sleep
  end
end
return moved
