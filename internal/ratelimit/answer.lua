-- Notes what became of a question, and says whether a refusal is believed.
-- ARGV     now, window, login, credential or '', verdict (0 could not ask, 1 works, 2 refused), trouble (0 none, 1 the
--          server wants to be left alone, 2 it was not reached), how long it took, 1 for a routine check, how long an
--          inquiry may take
-- Returns  {standing, 1 if a login worked within ten minutes and none was refused since, pause, credentials to ask...};
--          standing: 0 nothing, 1 believed, 2 no login works, 3 an inquiry is under way, 4 ask the credentials, 5 no
--          other login is known, 6 works again after no login did
local window, login, id, verdict, trouble = tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local began, routine, inquiry = now - tonumber(ARGV[7]), ARGV[8] == '1', tonumber(ARGV[9])
local MEMORY, FRESH, MANY, WITNESSES, REFUSED = 600 * SECOND, 10 * SECOND, 2, 16, 64

if redis.call('HEXISTS', KEYS[2], login) == 1 then
  book(login, -1, redis.call('ZSCORE', KEYS[3], login))
end
local function tally(kind)
  local field = bucket(kind, window)
  state[field] = redis.call('HINCRBY', KEYS[1], field, 1)
end
tally('q')

local function pause() return math.max(0, get('pause') - now) end

-- What was asked before a pause says nothing about its end.
if verdict > 0 and began >= get('paused') then
  clear('pause', 'paused', 'streak', 'fails', 'trial', 'trialist')
end

if verdict == 0 then
  if trouble == 2 and began >= get('pause') then
    set('fails', get('fails') + 1)
  end
  if began >= get('pause') and (trouble == 1 or (trouble == 2 and get('fails') >= 3)) then
    set('streak', get('streak') + 1)
    set('paused', now)
    -- The first pauses are short: consumers may wait for the one question, and what ails a server for seconds is over by then.
    set('pause', now + math.min(2 ^ (get('streak') - 1), 300) * SECOND)
    clear('trial', 'trialist')
  end
  keep()
  return {0, 0, pause()}
end

if verdict == 1 then
  local left = tonumber(redis.call('HGET', KEYS[2], login)) or 0
  if left > 0 then
    book(login, -left, now) -- what is proven is not asked about again
  end
  local sick = get('sick') == 1
  set('accepted', now)
  clear('doubt', 'inquiry', 'sick')
  redis.call('DEL', KEYS[5])
  redis.call('HDEL', KEYS[6], login)
  if id ~= '' then
    redis.call('ZADD', KEYS[4], text(now), id)
    redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -WITNESSES - 1)
  end
  keep()
  return {sick and 6 or 1, 1, pause()}
end

tally('r')
redis.call('ZADD', KEYS[5], text(now), login)
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', text(now - MEMORY))
redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -REFUSED - 1)
if id ~= '' and redis.call('ZSCORE', KEYS[4], id) then
  redis.call('ZADD', KEYS[4], 0, id)
end
keep()
local accepted, others = get('accepted'), redis.call('ZCARD', KEYS[5]) - 1
local fresh = accepted >= began or (not routine and accepted > 0 and now - accepted <= FRESH)
local recent = (accepted > 0 and now - accepted <= MEMORY and others == 0) and 1 or 0
if fresh and others < MANY then
  return {1, recent, pause()}
end
if get('doubt') > now then
  return {2, recent, pause()}
end
local ids = redis.call('ZREVRANGE', KEYS[4], 0, -1)
local known = 0
for _, other in ipairs(ids) do
  if other ~= id then known = known + 1 end
end
if get('inquiry') > now then
  return {3, recent, pause()}
end
if #ids == 0 then
  return {5, recent, pause()}
end
set('inquiry', now + inquiry)
local reply = {known > 0 and 4 or 5, recent, pause()}
for _, other in ipairs(ids) do
  if other ~= id then reply[#reply + 1] = other end
end
if known < #ids then
  reply[#reply + 1] = id -- its password in Vault may be another one
end
return reply
