package smtpauth

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// book is a Ledger that says what it is told to say, and keeps what it hears.
type book struct {
	mu        sync.Mutex
	judgement Judgement // of every refusal
	works     Judgement // of every other answer
	full      error     // of Book and Answer
	strike    bool
	first     bool // of Inquired

	booked    []rotation.Urgency
	answers   []Answer
	inquiries []bool
	strikes   []string
	forgotten []string
	late      bool // an answer came under a context that had ended
}

func (b *book) Book(_ context.Context, _ string, n int, urgency rotation.Urgency) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full == nil {
		b.booked = append(b.booked, urgency)
	}
	return n, b.full
}

func (b *book) Answer(ctx context.Context, a Answer) (Judgement, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.late = b.late || ctx.Err() != nil
	b.answers = append(b.answers, a)
	if a.Verdict == rotation.Refused {
		return b.judgement, nil
	}
	return b.works, nil
}

func (b *book) Inquired(_ context.Context, refused bool) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inquiries = append(b.inquiries, refused)
	return b.first, nil
}

func (b *book) Strike(_ context.Context, login string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.strikes = append(b.strikes, login)
	return b.strike, nil
}

func (b *book) Forget(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgotten = append(b.forgotten, id)
	return nil
}

// desk is a server with a ledger, witnesses and a clock.
type desk struct {
	*book
	*Server
	vault  map[string]string // credential → password in Vault; its login is "login of " and its id
	live   map[string]string // login → password that the server lets in
	now    time.Time
	sick   []bool
	logins int
	during func() // a login
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{book: &book{}, vault: map[string]string{}, live: map[string]string{}, now: time.Unix(1_000_000, 0)}
	var mu sync.Mutex
	s := &submission{mechanisms: both, login: func(u, p string) error {
		mu.Lock()
		defer mu.Unlock()
		d.logins++
		if d.during != nil {
			d.during()
		}
		if d.live[u] != p {
			return smtp.ErrAuthFailed
		}
		return nil
	}}
	config := s.serve(t, ImplicitTLS)
	config.Ledger, config.Now = d.book, func() time.Time { return d.now }
	config.Sick = func(_ context.Context, sick bool) { d.sick = append(d.sick, sick) }
	config.Witness = func(_ context.Context, id string) (string, secret.Value, error) {
		text, ok := d.vault[id]
		if !ok {
			return "", secret.Value{}, ErrNoWitness
		}
		return "login of " + id, secret.New(text), nil
	}
	d.Server = newServer(t, config)
	return d
}

// verify asks about a password of the credential "mine", for a rotation or for a routine check.
func (d *desk) verify(t *testing.T, password string, urgency rotation.Urgency) (rotation.Verdict, error) {
	t.Helper()
	mine := d.For("mine")
	if urgency != rotation.Routine {
		if err := mine.Reserve(t.Context(), "login of mine", 1, urgency); err != nil {
			t.Fatal(err)
		}
	}
	return mine.Verify(t.Context(), "login of mine", secret.New(password))
}
