package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"keyturn/internal/observe"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// trip is what one rotation spent where.
type trip struct {
	vault, provider, verifier time.Duration // up to now
	proving                   time.Duration // the verifier's time since the provider accepted

	promoted time.Time
	others   time.Duration // Vault, provider and verifier up to the promotion
	exposure time.Duration // acceptance to promotion, without the verifier's time
}

// probe stands between a Machine and its ports and notes where a rotation's time goes, by credential's path.
type probe struct {
	*observe.Metrics
	journals rotation.Journals
	secrets  rotation.Secrets

	calls atomic.Int64 // of Vault
	mu    sync.Mutex
	trips map[string]*trip
}

// tap puts a probe into a machine.
func tap(m *rotation.Machine, metrics *observe.Metrics) *probe {
	p := &probe{Metrics: metrics, journals: m.Journals, secrets: m.Secrets, trips: map[string]*trip{}}
	m.Journals, m.Secrets, m.Observer = p, p, p
	return p
}

// note changes the trip of a path under the lock.
func (p *probe) note(path string, change func(*trip)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.trips[path]
	if t == nil {
		t = &trip{}
		p.trips[path] = t
	}
	change(t)
}

// trip returns what is known of a path.
func (p *probe) trip(path string) (found trip) {
	p.note(path, func(t *trip) { found = *t })
	return found
}

func (p *probe) asked(path string, start time.Time) {
	took := time.Since(start)
	p.calls.Add(1)
	p.note(path, func(t *trip) { t.vault += took })
}

// Load implements rotation.Journals.
func (p *probe) Load(ctx context.Context, cred *rotation.Credential) (rotation.Record, error) {
	defer p.asked(cred.Place.Path, time.Now())
	return p.journals.Load(ctx, cred)
}

// Save implements rotation.Journals.
func (p *probe) Save(ctx context.Context, cred *rotation.Credential, rec rotation.Record, cas int) (int, error) {
	defer p.asked(cred.Place.Path, time.Now())
	return p.journals.Save(ctx, cred, rec, cas)
}

// Read implements rotation.Secrets.
func (p *probe) Read(ctx context.Context, place rotation.Place) (rotation.Entry, error) {
	defer p.asked(place.Path, time.Now())
	return p.secrets.Read(ctx, place)
}

// Password implements rotation.Secrets.
func (p *probe) Password(ctx context.Context, place rotation.Place, version int) (secret.Value, error) {
	defer p.asked(place.Path, time.Now())
	return p.secrets.Password(ctx, place, version)
}

// Fence implements rotation.Secrets.
func (p *probe) Fence(ctx context.Context, place rotation.Place, e rotation.Entry) error {
	defer p.asked(place.Path, time.Now())
	return p.secrets.Fence(ctx, place, e)
}

// Write implements rotation.Secrets.
func (p *probe) Write(ctx context.Context, place rotation.Place, e rotation.Entry) error {
	defer p.asked(place.Path, time.Now())
	return p.secrets.Write(ctx, place, e)
}

// Called implements rotation.Observer.
func (p *probe) Called(cred *rotation.Credential, op string, err error, took time.Duration) {
	p.note(cred.Place.Path, func(t *trip) { t.provider += took; t.proving = 0 })
	p.Metrics.Called(cred, op, err, took)
}

// Verified implements rotation.Observer.
func (p *probe) Verified(cred *rotation.Credential, verdict rotation.Verdict, took time.Duration) {
	p.note(cred.Place.Path, func(t *trip) { t.verifier += took; t.proving += took })
	p.Metrics.Verified(cred, verdict, took)
}

// Exposed implements rotation.Observer.
func (p *probe) Exposed(cred *rotation.Credential, took time.Duration) {
	now := time.Now()
	p.note(cred.Place.Path, func(t *trip) {
		t.promoted, t.exposure, t.others = now, took-t.proving, t.vault+t.provider+t.verifier
	})
	p.Metrics.Exposed(cred, took)
}
