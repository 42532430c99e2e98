-- Makes every caller of an account wait, or slows them down, for a while. The longer wait and the newer pace stand.
-- KEYS[1]  the hash of take.lua
-- ARGV     now or '' for Redis's own clock, hold, pace (an interval, 0 for as it is, below for none), how long the pace holds; microseconds
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local hold, pace, span = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local penalty = tonumber(redis.call('HGET', KEYS[1], 'until')) or 0
if hold > 0 and now + hold > penalty then
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + hold))
end
if pace > 0 then
  redis.call('HSET', KEYS[1], 'pace', string.format('%.0f', pace), 'paced', string.format('%.0f', now + span))
elseif pace < 0 then
  redis.call('HDEL', KEYS[1], 'pace', 'paced')
end
return 0
