package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/internal/app"
	"keyturn/internal/app/apptest"
	"keyturn/internal/config"
	"keyturn/internal/freeze"
	"keyturn/internal/operate"
	"keyturn/internal/providers"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox/core"
)

// office is a desk of a process that has no rights in Vault, as a console is.
type office struct {
	*apptest.Stage
	*operate.Desk
	t *testing.T
}

func newOffice(t *testing.T, s *apptest.Stage) *office {
	t.Helper()
	cfg, err := config.Load(filepath.Join(s.Dir, "keyturn.yaml"), providers.All())
	if err != nil {
		t.Fatal(err)
	}
	rdb, err := app.Redis(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	d, err := app.NewDesk(t.Context(), cfg, rdb, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &office{s, d, t}
}

var asked = operate.Request{By: "ann@host", Wait: 40 * time.Second}

// quarantine has a rotation of a credential end in quarantine.
func (o *office) quarantine(c apptest.Credential) {
	o.t.Helper()
	o.Fault(c, core.NotFound)
	v, err := o.Retry(o.t.Context(), c.ID, asked)
	if err != nil || v.Outcome != operate.Stopped || o.Journal(c).State != "quarantined" {
		o.t.Fatalf("%+v, %v, the journal is %s", v, err, o.Journal(c).State)
	}
}

func (o *office) want(want operate.Outcome) func(operate.Verdict, error) {
	return func(v operate.Verdict, err error) {
		o.t.Helper()
		if err != nil || v.Outcome != want {
			o.t.Errorf("%+v, %v, want %s", v, err, want)
		}
	}
}

func (o *office) refused(cause string) func(operate.Verdict, error) {
	return func(v operate.Verdict, err error) {
		o.t.Helper()
		if operate.KindOf(err) != operate.Conflict || !strings.HasSuffix(err.Error(), ": "+cause) {
			o.t.Errorf("%+v, %v, want %s", v, err, cause)
		}
	}
}

func TestAWorkerDoesWhatTakesRightsInVault(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c, other := s.SES("sick", "first: manual"), s.SES("other", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	o := newOffice(t, s)
	s.Start("worker")
	_, err := o.Rotate(t.Context(), []string{other.ID}, asked) // that it logs in is why a refusal is believed
	if err != nil {
		t.Fatal(err)
	}

	o.quarantine(c)
	o.want(operate.Released)(o.Release(t.Context(), c.ID, asked))
	o.refused("it is not in quarantine")(o.Release(t.Context(), c.ID, asked))

	o.quarantine(c)
	o.want(operate.Rotated)(o.Retry(t.Context(), c.ID, asked))
	if !s.Settled(c, 1) || s.Current(c).Version != 1 {
		t.Errorf("version %d, the journal is %s", s.Current(c).Version, s.Journal(c).State)
	}

	// Its password was changed by hand: no password that is known works, and a new one is set.
	if err := s.Box.SetPassword(c.Provider, c.Target, "by-hand-1234"); err != nil {
		t.Fatal(err)
	}
	s.Until("the change could have spread", func() bool {
		v, err := o.Recover(t.Context(), c.ID, asked)
		return err == nil && v.Outcome == operate.Rotated
	})
	o.want(operate.Works)(o.Recover(t.Context(), c.ID, asked))
	if !s.Settled(c, 2) {
		t.Error("what consumers read is not what logs in")
	}
	// It is changed back by hand: an older version of what consumers read holds the password that works.
	first := s.CurrentAt(c.Path, 1).Password
	if err := s.Box.SetPassword(c.Provider, c.Target, first); err != nil {
		t.Fatal(err)
	}
	s.Until("that change could have spread", func() bool {
		v, err := o.Recover(t.Context(), c.ID, asked)
		return err == nil && v.Outcome == operate.Rotated
	})
	if s.Current(c).Password != first || s.Target(c).Live != first {
		t.Error("a password that works was replaced")
	}
	if out, _ := s.Ctl("explain", c.ID); !strings.Contains(out, "asked for by ann@host") {
		t.Errorf("the journal does not name who asked: %s", out)
	}

	o.quarantine(c)
	o.want(operate.Abandoned)(o.Abandon(t.Context(), c.ID, asked))
	if j := s.Journal(c); j.State != "closed" || len(j.Candidates) != 0 {
		t.Errorf("the journal is %s with %d candidates", j.State, len(j.Candidates))
	}
	o.refused("no rotation of it is open")(o.Abandon(t.Context(), c.ID, asked))
}

// ask has a worker do something later, and returns what waits for its outcome.
func (o *office) ask(kind queue.Kind, c apptest.Credential, act func(context.Context, string, operate.Request) (operate.Verdict, error)) func() queue.Outcome {
	o.t.Helper()
	v, err := act(o.t.Context(), c.ID, operate.Request{By: "ann@host"})
	if err != nil || v.Outcome != operate.Asked {
		o.t.Fatalf("%+v, %v", v, err)
	}
	return func() queue.Outcome {
		o.t.Helper()
		return o.answered(kind, c, v.Asked)
	}
}

// answered waits for the outcome of a job that was asked for at a time.
func (o *office) answered(kind queue.Kind, c apptest.Credential, at time.Time) (last queue.Outcome) {
	o.t.Helper()
	o.Until(string(kind)+" is answered", func() bool {
		all, err := o.Queue.Outcomes(o.t.Context(), kind, []*rotation.Credential{{ID: c.ID, Account: c.Account}})
		if err != nil {
			o.t.Fatal(err)
		}
		last = all[0]
		return last.Final && last.Slot.Equal(at)
	})
	return last
}

// TestAnActForAJournalThatHasChangedSinceGivesNothingUp: a job may be taken long after a person asked for it.
func TestAnActForAJournalThatHasChangedSinceGivesNothingUp(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("sick", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	o := newOffice(t, s)
	w := s.Start("worker")
	o.quarantine(c)
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	answers := []func() queue.Outcome{o.ask(queue.KindRelease, c, o.Release), o.ask(queue.KindAbandon, c, o.Abandon)}
	s.EditJournal(c, func(j map[string]any) { j["touched_at"] = time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano) })
	before := s.Journal(c)

	s.Start("worker")
	for _, answer := range answers {
		if last := answer(); last.Status != queue.StatusRefused || last.Text != queue.ErrOvertaken.Error() {
			t.Errorf("%+v", last)
		}
	}
	if j := s.Journal(c); j.Version != before.Version || j.State != "quarantined" {
		t.Errorf("the journal is %s at version %d, was at %d", j.State, j.Version, before.Version)
	}
}

// TestARetryThatWasServedMeanwhileRotatesNothing: what it was asked for has happened.
func TestARetryThatWasServedMeanwhileRotatesNothing(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("sick", "first: manual", "verify: off")
	s.Configure(apptest.Settings{Patient: true})
	o := newOffice(t, s)
	w := s.Start("worker")
	o.quarantine(c)
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	answer := o.ask(queue.KindRetry, c, o.Retry)
	if out, status := s.Ctl("recover", c.ID); status != 0 {
		t.Fatalf("%d: %s", status, out)
	}
	s.Start("worker")
	if last := answer(); last.Status != "done" || !last.Rotated {
		t.Errorf("%+v", last)
	}
	if !s.Settled(c, 1) || s.Target(c).Version != 1 {
		t.Errorf("in Vault is version %d, and the provider has had %d passwords", s.Current(c).Version, s.Target(c).Version)
	}
}

func TestAWorkerWritesAndEndsFreezesForAConsole(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.SES("one", "first: manual", "owner: "+s.Name)
	s.Configure(apptest.Settings{Patient: true})
	o := newOffice(t, s)
	s.Start("worker")
	scope := freeze.Scope{Owner: s.Name}
	r := operate.FreezeRequest{Scope: scope, Until: time.Now().Add(time.Hour), Reason: "audit", By: "ann@console"}
	if got, err := o.OrderFreeze(t.Context(), r, asked.Wait); err != nil || got.Outcome != operate.Froze {
		t.Fatalf("%+v, %v", got, err)
	}
	if out, _ := s.Ctl("status"); !strings.Contains(out, "audit (ann@console)") {
		t.Errorf("Vault has no such freeze: %s", out)
	}
	set, err := o.FreezesAhead(t.Context())
	if err != nil || len(set) != 1 || set[0].By != "ann@console" || !set[0].Until.Equal(r.Until.UTC().Truncate(time.Second)) {
		t.Errorf("%+v, %v", set, err)
	}
	if got, err := o.OrderThaw(t.Context(), scope, "bob@console", asked.Wait); err != nil || got.Outcome != operate.Unfroze {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := o.OrderThaw(t.Context(), scope, "bob@console", asked.Wait); operate.KindOf(err) != operate.Conflict || !strings.HasSuffix(err.Error(), ": no such freeze was asked for") {
		t.Errorf("%v", err)
	}
	if out, _ := s.Ctl("events", "--type", "frozen", "--type", "thawed"); !strings.Contains(out, "ann@console") || !strings.Contains(out, "bob@console") {
		t.Errorf("%s", out)
	}
}
