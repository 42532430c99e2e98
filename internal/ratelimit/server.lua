-- What the scripts about one mail server share; it stands before each of them.
-- KEYS[1]  hash: at (newest time seen), pause (until when no login may be tried) and paused (when it was set), streak
--          (pauses in a row), fails (connections in a row that came to nothing), trial (until when one login is tried
--          alone after a pause) and trialist (the login that is), booked (questions), line:U (when the last of those of
--          urgency U who were sent away comes back), want:U (until when urgency U is waited for), accepted (when a login
--          worked last), doubt (until when no refusal is believed), sick (1 while no login works), inquiry (until when
--          one is under way); and buckets q:WIDTH:N and r:WIDTH:N of questions and of refusals among them, of which the
--          Nth begins at N*WIDTH
-- KEYS[2]  hash: login → questions booked and not answered
-- KEYS[3]  sorted set: login → until when they are booked
-- KEYS[4]  sorted set: credential → when it logged in last, 0 if it was refused since
-- KEYS[5]  sorted set: login → when it was refused last, since a login worked
-- KEYS[6]  hash: login → refusals:last:believed until, where no other login is known
-- ARGV[1]  now or '' for Redis's own clock; all times in microseconds. A login is a digest of the user name.
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local SECOND = 1000000
local state, flat = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  state[flat[i]] = flat[i + 1]
end
local function get(field) return tonumber(state[field]) or 0 end
local function text(n) return string.format('%.0f', n) end
local function set(field, n)
  state[field] = text(n)
  redis.call('HSET', KEYS[1], field, state[field])
end
local function clear(...)
  for _, field in ipairs({...}) do state[field] = nil end
  redis.call('HDEL', KEYS[1], ...)
end

-- A clock that jumped back takes everything along, else all would wait for it to catch up.
local back = get('at') - now
if back > 0 then
  for _, field in ipairs({'pause', 'paused', 'trial', 'line:0', 'line:1', 'want:1', 'want:2', 'accepted', 'doubt', 'inquiry'}) do
    if state[field] then set(field, get(field) - back) end
  end
  local old = {}
  for field, n in pairs(state) do
    if string.match(field, '^[qr]:') then old[field] = n end
  end
  for field, n in pairs(old) do
    local kind, width, nth = string.match(field, '^(.):(%d+):(%d+)$')
    local moved = kind .. ':' .. width .. ':' .. text(math.max(0, math.floor((nth * width - back) / width)))
    clear(field)
    state[moved] = redis.call('HINCRBY', KEYS[1], moved, n)
  end
  for i = 3, 5 do
    local all = redis.call('ZRANGE', KEYS[i], 0, -1, 'WITHSCORES')
    for n = 1, #all, 2 do
      redis.call('ZADD', KEYS[i], text(math.max(0, tonumber(all[n + 1]) - back)), all[n])
    end
  end
end
set('at', now)

-- Unused bookings are given back by time.
local gone = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(now))
for _, login in ipairs(gone) do
  set('booked', get('booked') - (tonumber(redis.call('HGET', KEYS[2], login)) or 0))
  redis.call('HDEL', KEYS[2], login)
  redis.call('ZREM', KEYS[3], login)
end

-- book changes how many questions of a login are booked, by n, until a time.
local function book(login, n, ends)
  local left = redis.call('HINCRBY', KEYS[2], login, n)
  set('booked', get('booked') + n)
  if left > 0 then
    redis.call('ZADD', KEYS[3], text(ends), login)
  else
    redis.call('HDEL', KEYS[2], login)
    redis.call('ZREM', KEYS[3], login)
  end
end

-- A window is counted in sixty buckets, each as if all of it had happened at its end: never more than may be.
local BUCKETS = 60
local function bucket(kind, window)
  local width = math.ceil(window / BUCKETS)
  return kind .. ':' .. text(width) .. ':' .. text(math.floor(now / width))
end
local function count(kind, window)
  local sum, list = 0, {}
  for field, n in pairs(state) do
    local k, width, nth = string.match(field, '^([qr]):(%d+):(%d+)$')
    if k then
      width, nth = tonumber(width), tonumber(nth)
      local ends = nth * width + width
      if ends <= now - BUCKETS * width and ends <= now - window then
        clear(field)
      elseif k == kind and ends > now - window then
        sum = sum + tonumber(n)
        list[#list + 1] = {ends = ends, n = tonumber(n)}
      end
    end
  end
  table.sort(list, function(a, b) return a.ends < b.ends end)
  return sum, list
end

-- Nothing here outlives a month without a question.
local MONTH = 30 * 24 * 3600
local function keep()
  for i = 1, 6 do redis.call('EXPIRE', KEYS[i], MONTH) end
end
