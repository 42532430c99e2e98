package due

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

const (
	announceEvery = 10 * time.Second
	// PeerTime is how long a scheduler that says nothing more is taken to live.
	PeerTime = 45 * time.Second
)

// peer is this scheduler among the others.
type peer struct {
	name string
	turn chan struct{} // holds an element during an announcement: no lock is held across a call

	mu    sync.Mutex
	entry string // what was last announced
}

func newPeer() *peer { return &peer{name: rand.Text(), turn: make(chan struct{}, 1)} }

var announceScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if ARGV[2] ~= ARGV[1] then redis.call('ZREM', KEYS[1], ARGV[2]) end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + ARGV[3], '+inf') -- announced while the clock was ahead
return redis.call('ZRANGE', KEYS[1], 0, -1)`)

// Announce implements Peers.
func (x *Index) Announce(ctx context.Context, entry, former string) ([]string, error) {
	all, err := announceScript.Run(ctx, x.rdb, []string{redisx.Schedulers}, entry, former, PeerTime.Milliseconds()).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("announce this scheduler: %w", err)
	}
	return all, nil
}

// announce says which configuration we work on, and finds out whether everybody's is the same.
func (s *Scheduler) announce(ctx context.Context, self *peer) error {
	if !take(ctx, self.turn) {
		return ctx.Err()
	}
	defer func() { <-self.turn }()
	entry := self.name + " " + (*s.inventory.Load()).Fingerprint()
	all, err := s.Index.Announce(ctx, entry, self.announced())
	if err != nil {
		return err
	}
	self.mu.Lock()
	self.entry = entry
	self.mu.Unlock()
	different := map[string]bool{}
	for _, e := range all {
		_, fingerprint, _ := strings.Cut(e, " ")
		different[fingerprint] = true
	}
	was := s.configs.Swap(int32(len(different))) //nolint:gosec // not so many schedulers
	switch {
	case len(different) > 1 && was <= 1:
		s.Log.LogAttrs(ctx, slog.LevelWarn, "schedulers work on different configurations: what only one of them knows may come late",
			slog.Int("schedulers", len(all)), slog.Int("configurations", len(different)), slog.String("fingerprint", short(entry)))
	case len(different) == 1 && was > 1:
		s.Log.LogAttrs(ctx, slog.LevelInfo, "all schedulers work on the same configuration", slog.Int("schedulers", len(all)))
	}
	return nil
}

func (p *peer) announced() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.entry
}

// told reports whether an inventory was announced.
func (p *peer) told(inv Inventory) bool { return p.announced() == p.name+" "+inv.Fingerprint() }

var peersScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[1], now + ARGV[1])`)

// Announced implements Peers.
func (x *Index) Announced(ctx context.Context) ([]string, error) {
	all, err := peersScript.Run(ctx, x.rdb, []string{redisx.Schedulers}, PeerTime.Milliseconds()).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("ask for the other schedulers: %w", err)
	}
	return all, nil
}

// Leave implements Peers.
func (x *Index) Leave(ctx context.Context, entry string) error {
	if err := x.rdb.ZRem(ctx, redisx.Schedulers, entry).Err(); err != nil {
		return fmt.Errorf("take the word of this scheduler back: %w", err)
	}
	return nil
}

// agreed reports whether all schedulers that live, this one too, work on inv. One announces its configuration before it
// adds anything: what was in the index before this question, and is not in inv, is in none.
func (s *Scheduler) agreed(ctx context.Context, inv Inventory) (bool, error) {
	all, err := s.Index.Announced(ctx)
	if err != nil {
		return false, err
	}
	for _, e := range all {
		if _, fingerprint, _ := strings.Cut(e, " "); fingerprint != inv.Fingerprint() {
			return false, nil
		}
	}
	return true, nil
}

// short is the beginning of the fingerprint in an entry: enough for people to tell configurations apart.
func short(entry string) string {
	_, fingerprint, _ := strings.Cut(entry, " ")
	return fingerprint[:min(len(fingerprint), 12)]
}

// leave takes this scheduler's word back, so that the next one need not wait for it to lapse.
func (s *Scheduler) leave(ctx context.Context, self *peer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.Index.Leave(ctx, self.announced()) // it lapses anyway
}
