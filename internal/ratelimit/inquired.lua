-- Notes how an inquiry ended in which no login worked.
-- ARGV     now, 1 if logins were refused that had worked, how long no refusal is believed then
-- Returns  1 if this is the first word of it
clear('inquiry')
if ARGV[2] ~= '1' then
  return 0
end
set('doubt', now + tonumber(ARGV[3]))
local first = get('sick') == 0 and 1 or 0
set('sick', 1)
keep()
return first
