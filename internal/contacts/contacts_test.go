package contacts_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
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

// mailer is a provider of contact verifications, and where their notes are kept.
type mailer struct {
	*rotationtest.World
	worker  *rotationtest.Worker
	answers map[string]rotation.ContactResult // by address; none: sent
	silent  string                            // an address that no answer names
	refuse  error                             // of the call as a whole
	asked   [][]string
	notes   map[string]contacts.Note
	load    error
	save    error
	during  func(context.Context) // a call
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

func (m *mailer) Load(context.Context, string, string) (map[string]contacts.Note, error) {
	return maps.Clone(m.notes), m.load
}

func (m *mailer) Save(ctx context.Context, _, _ string, notes map[string]contacts.Note) error {
	err := cmp.Or(m.save, ctx.Err())
	if err == nil {
		m.notes = maps.Clone(notes)
	}
	return err
}

func (m *mailer) verifier() *contacts.Verifier {
	machine := m.worker.Machine()
	return &contacts.Verifier{
		Limiter: machine.Limiter, Breaker: machine.Agenda, Notes: m, Clock: machine.Clock, Observer: machine.Observer, Log: machine.Log,
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

func TestContactsThatWereMailedAreDone(t *testing.T) {
	t.Parallel()
	m := newMailer()
	m.answers["old@example.com"] = rotation.ContactResult{State: rotation.ContactVerified}
	if result := m.run(slot(m.World), good, "old@example.com"); result.Status != contacts.Done || result.Err != nil {
		t.Errorf("got %+v", result)
	}
	if m.notes[good].State != rotation.ContactSent || m.notes["old@example.com"].State != rotation.ContactVerified {
		t.Errorf("noted %+v", m.notes)
	}
	if result := m.run(slot(m.World), good, "old@example.com"); result.Status != contacts.Done || len(m.asked) != 1 {
		t.Errorf("a job that is repeated asked again: %+v, %v", result, m.asked)
	}
}

func TestOnlyContactsThatFailedAreAskedAgain(t *testing.T) {
	t.Parallel()
	m := newMailer()
	result := m.run(slot(m.World), good, bad)
	if result.Status != contacts.Failed || result.Err == nil || !strings.Contains(result.Err.Error(), "Bounced") {
		t.Fatalf("got %+v", result)
	}
	m.run(slot(m.World), good, bad)
	same(t, m.lastAsked(t, 2), bad)

	delete(m.answers, bad)
	if result := m.run(slot(m.World), good, bad); result.Status != contacts.Done {
		t.Errorf("got %+v", result)
	}
	same(t, m.lastAsked(t, 3), bad)
}

func TestAContactThatFailsFiveTimesIsGivenUpForItsSlot(t *testing.T) {
	t.Parallel()
	m := newMailer()
	at := slot(m.World)
	for n := 1; n < 5; n++ {
		if result := m.run(at, bad); result.Status != contacts.Failed {
			t.Fatalf("try %d: %+v", n, result)
		}
	}
	if result := m.run(at, bad); result.Status != contacts.Done {
		t.Fatalf("the last try: %+v", result)
	}
	m.run(at, bad)
	same(t, m.lastAsked(t, 5), bad)

	m.run(at.Add(time.Hour), bad)
	same(t, m.lastAsked(t, 6), bad)
	if tries := m.notes[bad].Tries; tries != 1 {
		t.Errorf("a new slot begins with try %d", tries)
	}
}

func TestASpentQuotaWaitsADay(t *testing.T) {
	t.Parallel()
	m := newMailer()
	at := slot(m.World)
	result := m.run(at, good, spent)
	if result.Status != contacts.Waiting || result.After != 24*time.Hour {
		t.Fatalf("got %+v", result)
	}
	m.Advance(23 * time.Hour)
	if result := m.run(at, good, spent); result.Status != contacts.Waiting || result.After != time.Hour {
		t.Errorf("an hour early: %+v", result)
	}
	m.lastAsked(t, 1)
	m.Advance(time.Hour)
	delete(m.answers, spent)
	if result := m.run(at, good, spent); result.Status != contacts.Done {
		t.Errorf("a day later: %+v", result)
	}
	same(t, m.lastAsked(t, 2), spent)
}

func TestAQuotaThatIsSpentEveryDayIsGivenUpToo(t *testing.T) {
	t.Parallel()
	m := newMailer()
	at := slot(m.World)
	for day := 1; day < 5; day++ {
		if result := m.run(at, spent); result.Status != contacts.Waiting || result.After != 24*time.Hour {
			t.Fatalf("day %d: %+v", day, result)
		}
		m.Advance(24 * time.Hour)
	}
	if result := m.run(at, spent); result.Status != contacts.Done {
		t.Errorf("the last day: %+v", result)
	}
	m.lastAsked(t, 5)
}

func TestANewSlotAsksAllAgainButThoseWhoseQuotaIsSpent(t *testing.T) {
	t.Parallel()
	m := newMailer()
	m.run(slot(m.World), good, bad, spent)
	m.Advance(time.Hour)
	later := slot(m.World).Add(time.Hour)
	m.run(later, good, bad, spent)
	same(t, m.lastAsked(t, 2), good, bad)
	if result := m.run(later, good, spent); result.Status != contacts.Waiting || result.After != 23*time.Hour {
		t.Errorf("got %+v", result)
	}
}

func TestWhatFailedIsTriedBeforeASpentQuota(t *testing.T) {
	t.Parallel()
	for _, addresses := range [][]string{{bad, spent}, {spent, bad}} {
		m := newMailer()
		if result := m.run(slot(m.World), addresses...); result.Status != contacts.Failed {
			t.Errorf("%v: got %+v", addresses, result)
		}
	}
}

func TestTheShortestWaitOfSpentQuotasCounts(t *testing.T) {
	t.Parallel()
	m := newMailer()
	other := "other@example.com"
	m.answers[other] = m.answers[spent]
	at := slot(m.World)
	m.run(at, other)
	m.Advance(10 * time.Hour)
	if result := m.run(at, spent, other); result.Status != contacts.Waiting || result.After != 14*time.Hour {
		t.Errorf("got %+v", result)
	}
}

func TestAContactThatNoAnswerNamesHasFailed(t *testing.T) {
	t.Parallel()
	m := newMailer()
	m.silent = good
	if result := m.run(slot(m.World), good); result.Status != contacts.Failed || m.notes[good].State != rotation.ContactFailed {
		t.Errorf("got %+v, noted %+v", result, m.notes)
	}
}

func TestAnOlderJobThatComesLateAsksForNothingNew(t *testing.T) {
	t.Parallel()
	m := newMailer()
	at := slot(m.World)
	m.run(at, good, bad)
	m.run(at.Add(-time.Hour), good, bad)
	same(t, m.lastAsked(t, 2), bad)
	if n := m.notes[bad]; n.Tries != 2 || !n.Slot.Equal(at) {
		t.Errorf("noted %+v", n)
	}
}

func TestLostNotesCostOneMoreQuestion(t *testing.T) {
	t.Parallel()
	m := newMailer()
	at := slot(m.World)
	m.run(at, good, bad)
	m.notes = nil
	delete(m.answers, bad)
	if result := m.run(at, good, bad); result.Status != contacts.Done {
		t.Errorf("got %+v", result)
	}
	same(t, m.lastAsked(t, 2), good, bad)
}

func TestNoContactIsAskedWhereTheNotesCannotBeRead(t *testing.T) {
	t.Parallel()
	m := newMailer()
	m.load = errors.New("redis is away")
	if result := m.run(slot(m.World), good); result.Status != contacts.Failed || !errors.Is(result.Err, m.load) || len(m.asked) != 0 {
		t.Errorf("got %+v, asked %v", result, m.asked)
	}
}

func TestNotesThatCannotBeWrittenBringTheJobBack(t *testing.T) {
	t.Parallel()
	m := newMailer()
	m.save = errors.New("redis is away")
	if result := m.run(slot(m.World), good); result.Status != contacts.Failed || !errors.Is(result.Err, m.save) {
		t.Errorf("got %+v", result)
	}
}

func TestNotesOfAddressesThatAreGoneAreDropped(t *testing.T) {
	t.Parallel()
	m := newMailer()
	m.run(slot(m.World), good, bad)
	m.run(slot(m.World), good)
	if _, kept := m.notes[bad]; kept {
		t.Errorf("noted %+v", m.notes)
	}
}
