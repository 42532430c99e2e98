package clustertest_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"keyturn/internal/policy"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// fleet is what surrounds the state machine, in memory: a provider that keeps real password state and never misbehaves,
// and the ports that only save work.
type fleet struct {
	credentials []*rotation.Credential

	mu      sync.Mutex
	live    map[string]secret.Value // by target
	holds   map[string]time.Time    // by credential
	asked   map[string]bool         // credentials for which a check or a repair was asked
	notices map[rotation.NoticeKind]int
	served  time.Time // when a rotation last ended with a promotion
	count   int
	recent  time.Duration // without one, since gap was asked last
	longest time.Duration
}

func newFleet(n int) *fleet {
	f := &fleet{
		live: map[string]secret.Value{}, holds: map[string]time.Time{}, asked: map[string]bool{},
		notices: map[rotation.NoticeKind]int{},
	}
	for i := range n {
		id := fmt.Sprintf("c%02d-%s", i, uuid.NewString()[:8])
		f.credentials = append(f.credentials, &rotation.Credential{
			ID: id, Account: "acme", Target: id + "@example.com", Place: rotation.Place{Store: "main", Path: "mail/" + id},
			Verify: &rotation.Verification{Mode: rotation.VerifySMTP, Propagation: 5 * time.Second},
		})
	}
	return f
}

// machine is one worker's.
func (f *fleet) machine(owner string, journals rotation.Journals, secrets rotation.Secrets) *rotation.Machine {
	return &rotation.Machine{
		Journals: journals, Secrets: secrets, Limiter: f, Agenda: f, Notices: f, Clock: rotation.WallClock{}, Observer: observer{},
		Log: slog.New(slog.DiscardHandler), Owner: owner, NewID: func() string { return uuid.Must(uuid.NewV7()).String() },
		Generate: func(*policy.Policy, ...string) (secret.Value, error) { return secret.New(rand.Text()), nil },
		Timing:   rotation.Timing{Call: time.Second, Resume: 2 * time.Second, MinInterval: time.Millisecond, Recheck: time.Second},
	}
}

func (f *fleet) subject(cred *rotation.Credential) rotation.Subject {
	return rotation.Subject{Credential: cred, Client: rotation.Client{Setter: f}, Verifier: f}
}

// Set implements rotation.Setter.
func (f *fleet) Set(_ context.Context, target string, password secret.Value) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live[target] = password
	return nil
}

// Verify implements rotation.Verifier.
func (f *fleet) Verify(_ context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live[login].Equal(password) {
		return rotation.Works, nil
	}
	return rotation.Refused, nil
}

// gap returns how long no rotation ended with a promotion, at most, since it was asked last.
func (f *fleet) gap() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	gap := max(f.recent, time.Since(f.served))
	f.longest = max(f.longest, gap)
	f.recent = 0
	return gap
}

func (f *fleet) password(target string) secret.Value {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.live[target]
}

// Hold implements rotation.Agenda, as do the next four.
func (f *fleet) Hold(_ context.Context, cred *rotation.Credential, quiet time.Duration, force bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if left := time.Until(f.holds[cred.ID]); left > 0 && !force {
		return &rotation.WaitError{After: left, Reason: "another run works on it"}
	}
	f.holds[cred.ID] = time.Now().Add(quiet)
	return nil
}

func (f *fleet) Park(_ context.Context, cred *rotation.Credential, _ time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.holds, cred.ID)
	return nil
}

func (f *fleet) Settle(_ context.Context, cred *rotation.Credential, end rotation.Ending) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.holds, cred.ID)
	if now := time.Now(); end.Promoted {
		if !f.served.IsZero() {
			f.recent = max(f.recent, now.Sub(f.served))
			f.longest = max(f.longest, f.recent)
		}
		f.served = now
		f.count++
	}
	return nil
}

func (f *fleet) Ask(_ context.Context, cred *rotation.Credential, _ rotation.Reason, _ time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[cred.ID] = true
	return nil
}

func (f *fleet) Block(context.Context, string, *rotation.Error) error { return nil }

// Note implements rotation.Notices.
func (f *fleet) Note(_ context.Context, _ *rotation.Credential, n rotation.Notice) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notices[n.Kind]++
	return nil
}

// Take implements rotation.Limiter: there is no limit.
func (f *fleet) Take(context.Context, string, int, bool) (rotation.Turns, error) { return turns{}, nil }

func (f *fleet) Penalise(context.Context, string, time.Duration) error { return nil }

type turns struct{}

func (turns) Await(context.Context, int) error { return nil }

type observer struct{}

func (observer) Called(*rotation.Credential, string, error, time.Duration)      {}
func (observer) Verified(*rotation.Credential, rotation.Verdict, time.Duration) {}
func (observer) Exposed(*rotation.Credential, time.Duration)                    {}
func (observer) LostGeneration(*rotation.Credential)                            {}
