-- Books the next questions of a login.
-- ARGV     now, requests, window, refusals, login, questions, urgency from 0 to 2, how long they are booked, how long
--          one that is asked alone after a pause may take
-- Returns  {questions that are booked; 0 if sent away, wait, why: 1 spent, 2 paused, 3 a more urgent caller waits}
local requests, window, refusals = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local login, n, urgency, ends, trial = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), now + tonumber(ARGV[8]), tonumber(ARGV[9])

if get('pause') > now then
  return {0, get('pause') - now, 2}
end
if get('streak') > 0 and get('trial') > now and state['trialist'] ~= login then
  return {0, get('trial') - now, 2}
end
-- try lets a login ask alone after a pause. Several questions are a reservation that may never be used: it keeps the
-- others out for a moment only, and once.
local RESERVED = 5 * SECOND
local function try()
  local again = n > 1 and state['trialist'] == login and get('trial') > now
  if get('streak') == 0 or again then
    return
  end
  set('trial', math.max(get('trial'), now + (n > 1 and math.min(trial, RESERVED) or trial)))
  state['trialist'] = login
  redis.call('HSET', KEYS[1], 'trialist', login)
end
-- While no login works, a routine check could only learn that.
if urgency == 0 and get('doubt') > now then
  return {0, get('doubt') - now, 2}
end

-- What is urgent always finds room: the others leave a part of the budget alone.
local most, worst = requests, refusals
if urgency == 1 then
  most, worst = requests - math.floor(requests / 10), math.max(1, refusals - math.max(1, math.floor(refusals / 10)))
elseif urgency == 0 then
  most, worst = math.ceil(requests / 2), math.max(1, math.floor(refusals / 2))
end
n = math.min(n, most, worst)
local have = tonumber(redis.call('HGET', KEYS[2], login)) or 0
if have >= n then
  try()
  book(login, 0, ends)
  return {have, 0, 0}
end

-- A question may be refused until it is answered.
local need, booked = n - have, get('booked')
local asked, questions = count('q', window)
local refused, wrong = count('r', window)
local wait, why, full = 0, 1, false
for u = urgency + 1, 2 do
  if get('want:' .. u) - now > wait then
    wait, why = get('want:' .. u) - now, 3
  end
end
local function room(sum, list, limit)
  if sum + booked + need <= limit then
    return
  end
  wait = math.max(wait, SECOND) -- an answer may come any time
  local over = sum + need - limit
  full = full or over > 0
  for _, b in ipairs(list) do
    if over <= 0 then
      return
    end
    over = over - b.n
    wait = math.max(wait, b.ends + window - now)
  end
end
room(asked, questions, most)
room(refused, wrong, worst)
keep()
if wait == 0 then
  try()
  book(login, need, ends)
  if urgency > 0 then clear('want:' .. urgency) end
  return {n, 0, 0}
end
-- Those who come back together are a herd: each gets a time of its own; a short one where only bookings are in the way.
if urgency < 2 then
  local step = math.ceil(window / requests)
  if not full then step = math.min(step, 2 * SECOND) end
  local line = math.min(math.max(get('line:' .. urgency) + step, now + wait), now + wait + window)
  set('line:' .. urgency, line)
  wait = line - now
end
-- Until a caller that is sent away comes back, what is less urgent waits.
if urgency > 0 then
  set('want:' .. urgency, math.max(get('want:' .. urgency), now + wait + 2 * SECOND))
end
return {0, wait, why}
