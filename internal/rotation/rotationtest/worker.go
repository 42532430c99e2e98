package rotationtest

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"keyturn/internal/policy"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Worker is one process's view of a World: all ports of the state machine, each call of which may fail.
type Worker struct {
	*World
	Name string
}

// Machine returns a state machine that works in this world.
func (k *Worker) Machine() *rotation.Machine {
	return &rotation.Machine{
		Journals: journals{k}, Secrets: secrets{k}, Limiter: limiter{k}, Agenda: agenda{k}, Notices: notices{k}, Clock: clock{k}, Keys: k.Keys,
		Observer: observer{k}, Log: slog.New(slog.DiscardHandler), Owner: k.Name,
		NewID: func() string {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.ids++
			return fmt.Sprintf("rotation-%d", k.ids)
		},
		Generate: func(*policy.Policy, ...string) (secret.Value, error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.newPassword(), nil
		},
		Timing: rotation.Timing{Call: 5 * time.Second, Resume: 15 * time.Second, MinInterval: time.Minute, Recheck: time.Minute},
	}
}

// Setter returns a subject whose provider takes passwords; verified says whether a verifier is set.
func (k *Worker) Setter(verified bool) rotation.Subject {
	return k.subject(rotation.Client{Setter: provider{k}}, verified)
}

// Issuer returns a subject whose provider makes passwords.
func (k *Worker) Issuer(verified bool) rotation.Subject {
	return k.subject(rotation.Client{Issuer: provider{k}}, verified)
}

func (k *Worker) subject(client rotation.Client, verified bool) rotation.Subject {
	s := rotation.Subject{Client: client, Credential: &rotation.Credential{
		ID: "mail", Account: "acme", Target: "alerts@example.com", Place: rotation.Place{Store: "main", Path: "mail/alerts"},
		Verify: &rotation.Verification{Propagation: 30 * time.Second},
	}}
	if verified {
		s.Credential.Verify.Mode = rotation.VerifySMTP
		s.Verifier = provider{k}
	}
	return s
}

// Run runs one job; a crash ends it with a zero Result and true.
func (k *Worker) Run(ctx context.Context, s rotation.Subject, job rotation.Job) (result rotation.Result, crashed bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(Crash); !ok {
				panic(p)
			}
			result, crashed = rotation.Result{}, true
		}
	}()
	switch job.Reason {
	case rotation.ReasonRecheck, rotation.ReasonReplaced, rotation.ReasonRetire, rotation.ReasonHold:
		return k.Machine().Check(ctx, s, job), false
	default:
		return k.Machine().Rotate(ctx, s, job), false
	}
}
