package ratelimit

import (
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

func micros(now func() time.Time) func() string {
	return func() string { return strconv.FormatInt(now().UnixMicro(), 10) }
}

// SlotsBy are slots on Redis that go by a clock in place of Redis's own.
func SlotsBy(rdb redis.UniversalClient, now func() time.Time) Slots {
	s := newRedisSlots(rdb)
	s.now = micros(now)
	return s
}

// ServerBy is a server on Redis that goes by a clock in place of Redis's own.
func ServerBy(rdb redis.UniversalClient, now func() time.Time, rate rotation.Rate) (*Server, error) {
	s := NewServers(rdb)
	s.now = micros(now)
	return s.Of("mail.example.com:465", rate)
}
