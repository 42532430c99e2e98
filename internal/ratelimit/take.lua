-- Reserves the next free slots of an account, or confirms the one that the caller holds.
-- KEYS[1]  hash: born (when this state began), at (newest time seen), until (penalty), pace and paced (a slower
--          interval, and until when it holds), last (the latest slot), line (when the last of those who were sent away
--          can go), and per window its tat: when the next call would keep exactly to the rate
-- ARGV     now or '' for Redis's own clock, longest wait, calls, 1 to get in line if sent away, slot held or 0, its
--          born, lateness allowed, nearest slot that it could keep to, then per window: field, interval, burst. All times in microseconds.
-- Returns  {1 or 0 for sent away, wait, born, now, 1 if a penalty is the cause, slots...}
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local longest, calls, lines = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local held, held_born, late, ahead = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])

local fields = {'born', 'at', 'until', 'pace', 'paced', 'last', 'line'}
local windows, slowest = {}, 0
for i = 9, #ARGV, 3 do
  fields[#fields + 1] = ARGV[i]
  windows[#windows + 1] = {field = ARGV[i], interval = tonumber(ARGV[i + 1]), burst = tonumber(ARGV[i + 2])}
  slowest = math.max(slowest, tonumber(ARGV[i + 1]))
end
local state = redis.call('HMGET', KEYS[1], unpack(fields))
-- A clock that jumped back takes everything along, else all callers would wait for it to catch up; but slots that were
-- reserved by the old time are void.
local back = math.max(0, (tonumber(state[2]) or now) - now)
local born = back == 0 and tonumber(state[1]) or now
local penalty = (tonumber(state[3]) or 0) - back
local pace = ((tonumber(state[5]) or 0) - back > now) and tonumber(state[4]) or 0
local last = (tonumber(state[6]) or 0) - back
local line = (tonumber(state[7]) or 0) - back

-- A held slot counts if nothing happened since: no penalty, no lost state, no oversleeping.
local mine = held > 0 and held_born == born
if mine and penalty <= held and now <= held + late then
  return {1, math.max(0, held - now), born, now, 0, held}
end

for i, w in ipairs(windows) do
  local tat = tonumber(state[7 + i])
  -- Nothing is known of earlier calls, so the burst counts as spent and the last call as made just now. Reservations
  -- of a lost state do not matter: a caller that sleeps for one finds another born.
  w.tat = tat and tat - back or now + w.burst * w.interval
  -- A call that missed the latest slot of all gives it back.
  if mine and calls == 1 and held == last then
    w.tat = w.tat - w.interval
  end
end

local changed = {'born', string.format('%.0f', born), 'at', string.format('%.0f', now)}
local function set(field, value)
  changed[#changed + 1] = field
  changed[#changed + 1] = string.format('%.0f', value)
end
if back > 0 then
  set('until', penalty)
  set('paced', (tonumber(state[5]) or 0) - back)
end
local reply = {1, 0, born, now, 0}
for n = 1, calls do
  local slot = math.max(now + ahead, penalty)
  for _, w in ipairs(windows) do
    slot = math.max(slot, w.tat - (w.burst - 1) * w.interval)
  end
  if n == 1 then
    reply[2], reply[5] = slot - now, slot == penalty and 1 or 0
    if slot - now > longest then
      reply[1] = 0
      -- Those who come back later than others leave together are a herd: each gets a time of its own.
      if lines == 1 then
        line = math.max(line + slowest, slot)
        reply[2] = line - now
      end
      break
    end
  end
  reply[#reply + 1] = slot
  last = slot
  for i, w in ipairs(windows) do
    w.tat = math.max(w.tat, slot) + (i == 1 and math.max(w.interval, pace) or w.interval)
  end
end
set('last', last)
set('line', line)
for _, w in ipairs(windows) do
  set(w.field, w.tat)
end
redis.call('HSET', KEYS[1], unpack(changed))
return reply
