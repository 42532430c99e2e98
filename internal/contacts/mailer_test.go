package contacts_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"keyturn/internal/contacts"
	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

const (
	good  = "good@example.com"
	bad   = "bad@example.com"
	spent = "spent@example.com"
)

// mailer is a provider of contact verifications.
type mailer struct {
	*rotationtest.World
	notebook
	worker  *rotationtest.Worker
	answers map[string]rotation.ContactResult // by address; none: sent
	silent  string                            // an address that no answer names
	refuse  error                             // of the call as a whole
	asked   [][]string
	during  func(context.Context) // a call
}

// notebook is where it is noted what became of each address.
type notebook struct {
	notes      map[string]contacts.Note
	load, save error
}

func newMailer() *mailer {
	w := rotationtest.NewWorld()
	k := &rotationtest.Worker{World: w, Name: "one"}
	return &mailer{World: w, worker: k, answers: map[string]rotation.ContactResult{
		bad:   {State: rotation.ContactFailed, Code: "Bounced"},
		spent: {State: rotation.ContactFailed, Code: "SendTokenQuotaExceeded", NotToday: true},
	}}
}

func (m *mailer) VerifyContacts(ctx context.Context, addresses []string) ([]rotation.ContactResult, error) {
	m.asked = append(m.asked, slices.Clone(addresses))
	if m.during != nil {
		m.during(ctx)
	}
	if m.refuse != nil {
		return nil, m.refuse
	}
	var results []rotation.ContactResult
	for _, address := range addresses {
		r, ok := m.answers[address]
		if !ok {
			r.State = rotation.ContactSent
		}
		r.Address = address
		if address != m.silent {
			results = append(results, r)
		}
	}
	return results, nil
}

func (b *notebook) Load(context.Context, string, string) (map[string]contacts.Note, error) {
	return maps.Clone(b.notes), b.load
}

func (b *notebook) Save(ctx context.Context, _, _ string, notes map[string]contacts.Note) error {
	err := cmp.Or(b.save, ctx.Err())
	if err == nil {
		b.notes = maps.Clone(notes)
	}
	return err
}

func (m *mailer) verifier() *contacts.Verifier {
	machine := m.worker.Machine()
	return &contacts.Verifier{
		Limiter: machine.Limiter, Breaker: machine.Agenda, Notes: &m.notebook, Clock: machine.Clock, Observer: machine.Observer, Log: machine.Log,
		Timeout: machine.Timing.Call,
	}
}

func slot(w *rotationtest.World) time.Time { return w.Current().Slot.Add(time.Hour) }

// run runs the job for a slot.
func (m *mailer) run(slot time.Time, addresses ...string) contacts.Result {
	return m.runWith(context.Background(), m.verifier(), slot, addresses...)
}

func (m *mailer) runWith(ctx context.Context, v *contacts.Verifier, slot time.Time, addresses ...string) contacts.Result {
	return v.Verify(ctx, contacts.Verification{
		Name: "owners", Account: "acme", Addresses: addresses, Client: m,
	}, rotation.Job{Slot: slot, Reason: rotation.ReasonScheduled})
}

// lastAsked are the addresses of the last call, which must be the nth.
func (m *mailer) lastAsked(t *testing.T, n int) []string {
	t.Helper()
	if len(m.asked) != n {
		t.Fatalf("%d calls, want %d: %v", len(m.asked), n, m.asked)
	}
	return m.asked[n-1]
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("asked for %v, want %v", got, want)
	}
}
