-- Takes the next task of an account, as asynq's own dequeue takes that of a queue. What is urgent comes first.
-- KEYS[1..4] pending, paused, active and lease of the urgent queue, KEYS[5..8] of the other
-- ARGV[1] when the lease ends, in seconds; ARGV[2..3] what the keys of their tasks begin with
-- Returns whose queue it is (1: the urgent one), its id and its message; nothing where none waits.
for n = 1, 2 do
  local pending, paused, active, lease = unpack(KEYS, 4 * n - 3, 4 * n)
  if redis.call('EXISTS', paused) == 0 then
    local id = redis.call('RPOPLPUSH', pending, active)
    if id then
      local key = ARGV[n + 1] .. id
      redis.call('HSET', key, 'state', 'active')
      redis.call('HDEL', key, 'pending_since')
      redis.call('ZADD', lease, ARGV[1], id)
      local message = redis.call('HGET', key, 'msg')
      if message then return {n, id, message} end
    end
  end
end
return nil
