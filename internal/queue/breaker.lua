-- The breaker of one account. Times are milliseconds by Redis's clock.
-- KEYS[1] hash: refusals, cause, refused (when); once open also since, next, last (probe), probes, and early: when a demand may be one
-- KEYS[2] asynq's pause of the account's scheduled queue
-- ARGV[1] operation (look does nothing else), ARGV[2] its argument: of block the cause, of admit the slot of a demand, or 0
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local intervals = {30000, 60000, 120000, 300000, 600000}

-- A pause that a person set has another value, and stays.
local function pause(ms)
  if redis.call('SET', KEYS[2], 'breaker', 'NX', 'PX', ms) or redis.call('GET', KEYS[2]) == 'breaker' then
    redis.call('PEXPIRE', KEYS[2], ms)
  end
end
local function resume()
  if redis.call('GET', KEYS[2]) == 'breaker' then redis.call('DEL', KEYS[2]) end
end

local open = redis.call('HEXISTS', KEYS[1], 'since') == 1
-- A probe that is more than a day off was put off while the clock was ahead: it is due.
if open and redis.call('HGET', KEYS[1], 'next') - now > 86400000 then
  redis.call('HSET', KEYS[1], 'last', now, 'next', now)
  redis.call('HDEL', KEYS[1], 'early')
  resume()
end
if ARGV[1] == 'look' then return open and 1 or 0 end

if ARGV[1] == 'block' then
  local refusals = redis.call('HINCRBY', KEYS[1], 'refusals', 1)
  redis.call('HSET', KEYS[1], 'cause', ARGV[2], 'refused', now)
  if open then return 0 end
  if refusals < 2 then
    redis.call('PEXPIRE', KEYS[1], 600000)
    return 0
  end
  redis.call('PERSIST', KEYS[1])
  redis.call('HSET', KEYS[1], 'since', now, 'last', now, 'next', now + intervals[1], 'probes', 0)
  pause(intervals[1])
  return 1
end

if ARGV[1] == 'admit' then
  if not open then return redis.call('EXISTS', KEYS[1]) end
  local h = redis.call('HMGET', KEYS[1], 'next', 'last', 'probes')
  local due, early = tonumber(h[1]), h[2] + 5000
  -- Who asked before the last probe learns nothing from another one.
  if tonumber(ARGV[2]) > tonumber(h[2]) and early < due then due = early end
  if now < due then
    if due == early then redis.call('HSET', KEYS[1], 'early', early) end
    pause(h[1] - now) -- also where an operator has lifted it
    return 3
  end
  redis.call('HDEL', KEYS[1], 'early')
  local probes = h[3] + 1
  local interval = intervals[math.min(probes + 1, #intervals)]
  redis.call('HSET', KEYS[1], 'last', now, 'next', now + interval, 'probes', probes)
  pause(interval)
  return 2
end

if ARGV[1] == 'release' then
  if open then
    redis.call('HSET', KEYS[1], 'next', now)
    redis.call('HINCRBY', KEYS[1], 'probes', -1)
    resume()
  end
  return 0
end

-- close
redis.call('DEL', KEYS[1])
resume()
return open and 1 or 0
