package rotation_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

type scenario struct {
	name     string
	call     string // of the provider, that changes a password
	verified bool
	// before leaves the world as an earlier run left it; the walk starts after it.
	before func(w *rotationtest.World, k *rotationtest.Worker, s rotation.Subject)
	answer func() func(rotationtest.Call) *rotation.Error
}

func scenarios() []scenario {
	once := func(kind rotation.Kind) func() func(rotationtest.Call) *rotation.Error {
		return func() func(rotationtest.Call) *rotation.Error {
			left := 1
			return func(rotationtest.Call) *rotation.Error {
				if left == 0 {
					return nil
				}
				left--
				return &rotation.Error{Kind: kind, Provider: "model", Op: "call", Code: "Injected"}
			}
		}
	}
	crashAt := func(op string, fault rotationtest.Fault) func(*rotationtest.World, *rotationtest.Worker, rotation.Subject) {
		return func(w *rotationtest.World, k *rotationtest.Worker, s rotation.Subject) {
			hit := false
			w.Decide = func(c rotationtest.Call) rotationtest.Fault {
				if c.Op == op && !hit {
					hit = true
					return fault
				}
				return rotationtest.None
			}
			k.Run(context.Background(), s, rotation.Job{Slot: slot(w), Reason: rotation.ReasonScheduled})
			w.Decide = nil
			w.Advance(time.Minute)
		}
	}
	var all []scenario
	for _, call := range []string{"setter.set", "issuer.issue", "minter.mint"} {
		for _, verified := range []bool{false, true} {
			mode := fmt.Sprintf("%s/verified=%v", call, verified)
			add := func(name string, before func(*rotationtest.World, *rotationtest.Worker, rotation.Subject), answer func() func(rotationtest.Call) *rotation.Error) {
				all = append(all, scenario{mode + "/" + name, call, verified, before, answer})
			}
			add("clean", nil, nil)
			add("resume after a lost call", crashAt(call, rotationtest.CrashAfter), nil)
			add("resume before the call", crashAt(call, rotationtest.CrashBefore), nil)
			add("resume after promotion", crashAt("secrets.write", rotationtest.CrashAfter), nil)
			for _, kind := range []rotation.Kind{
				rotation.InDoubt, rotation.NotSent, rotation.RateLimited, rotation.Repeat, rotation.Rejected,
				rotation.Unauthorized, rotation.Unavailable, rotation.ClockSkew, rotation.Full,
			} {
				if kind == rotation.Full && call != "minter.mint" {
					continue
				}
				// A provider that answers "repeat" without reason is believed on a resume (doc.go): only a verifier
				// can tell, so the lie is walked with one.
				if kind == rotation.Repeat && !verified {
					continue
				}
				add("answer "+kind.String(), nil, once(kind))
			}
		}
	}
	return append(all, managed()...)
}

// managed are the scenarios of management keys, which are disabled before they are taken away.
func managed() []scenario {
	disabled := func(w *rotationtest.World, k *rotationtest.Worker, s rotation.Subject) {
		k.Run(context.Background(), s, rotation.Job{Slot: slot(w), Reason: rotation.ReasonScheduled})
		w.Advance(rotationtest.Grace)
		k.Run(context.Background(), s, rotation.Job{Reason: rotation.ReasonRetire})
	}
	return []scenario{
		{name: "a management key", call: managedKey},
		{name: "a management key that is missed", call: managedKey, before: func(w *rotationtest.World, k *rotationtest.Worker, s rotation.Subject) {
			disabled(w, k, s)
			w.Refused = 1
		}},
		{name: "a management key that a person puts back", call: managedKey, before: func(w *rotationtest.World, k *rotationtest.Worker, s rotation.Subject) {
			disabled(w, k, s)
			w.PutBack()
		}},
	}
}

const managedKey = "minter.mint of a management key"

func slot(w *rotationtest.World) time.Time { return w.Current().Slot.Add(time.Hour) }

// walk runs one scenario with one fault at the nth port call, then without faults until the job is done.
func walk(t *testing.T, sc scenario, nth int, fault rotationtest.Fault) (ops []string, hit bool) {
	t.Helper()
	w := rotationtest.NewWorld()
	k := &rotationtest.Worker{World: w, Name: "one"}
	subject := map[string]func(bool) rotation.Subject{
		"setter.set": k.Setter, "issuer.issue": k.Issuer, "minter.mint": k.Overlap, managedKey: k.Managing,
	}[sc.call](sc.verified)
	job := rotation.Job{Slot: slot(w), Reason: rotation.ReasonScheduled}
	if sc.before != nil {
		sc.before(w, k, subject)
	}
	if sc.answer != nil {
		w.Answer = sc.answer()
	}
	seen := 0
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		ops = append(ops, c.Op)
		seen++
		if seen-1 == nth {
			hit = true
			return fault
		}
		return rotationtest.None
	}
	var result rotation.Result
	for runs := 0; runs < 12; runs++ {
		result, _ = k.Run(context.Background(), subject, job)
		if result.Status == rotation.Done {
			break
		}
		w.Advance(max(result.After, 20*time.Second))
	}
	for range 6 { // what a rotation leaves behind is gone when the grace is over
		w.Advance(rotationtest.Grace)
		k.Run(context.Background(), subject, rotation.Job{Reason: rotation.ReasonRecheck})
	}
	where := fmt.Sprintf("%s at call %d", fault, nth)
	if ids := w.Identities(); strings.HasPrefix(sc.call, "minter.mint") && !slices.Equal(ids, []string{w.Current().ID}) {
		t.Errorf("%s: the provider has %q, and consumers use %q", where, ids, w.Current().ID)
	}
	if id := w.Current().ID; w.Disabled(id) || w.Leaving(id) {
		t.Errorf("%s: consumers use %q, which is disabled, or is to be", where, id)
	}
	if hit {
		where = fmt.Sprintf("%s at %s", where, ops[nth])
	}
	if result.Status != rotation.Done {
		t.Errorf("%s: not done after 12 runs: %v %v", where, result.Status, result.Err)
	}
	if len(w.Violations) > 0 {
		t.Errorf("%s: %s", where, strings.Join(w.Violations, "; "))
	}
	if got := w.Current(); !got.Password.Equal(w.Live()) || got.Password.Equal(rotationtest.Old) {
		t.Errorf("%s: consumers do not read the live password", where)
	} else if got.Slot.Before(job.Slot) {
		t.Errorf("%s: the slot was not served", where)
	} else if got.Rest.(map[string]any)["note"] != "mine" {
		t.Errorf("%s: the user's field is gone", where)
	}
	if rec := w.Journal(); rec.State != rotation.Closed || len(rec.Candidates) > 0 {
		t.Errorf("%s: the journal is %v with %d candidates", where, rec.State, len(rec.Candidates))
	}
	return ops, hit
}

// TestEveryCrashAndLostReplyEndsInTheLivePassword walks the crash table: it learns the port calls from the runs
// themselves, so that a new step cannot be forgotten.
func TestEveryCrashAndLostReplyEndsInTheLivePassword(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	walked := map[string]int{}
	for _, sc := range scenarios() {
		for _, fault := range []rotationtest.Fault{
			rotationtest.CrashBefore, rotationtest.CrashAfter, rotationtest.ErrorBefore, rotationtest.LostReply,
		} {
			for nth := 0; ; nth++ {
				var ops []string
				var hit bool
				t.Run(fmt.Sprintf("%s/%s/%d", sc.name, fault, nth), func(t *testing.T) { ops, hit = walk(t, sc, nth, fault) })
				if !hit {
					break
				}
				walked[ops[nth]]++
				if nth > 200 {
					t.Fatal("a run does not end")
				}
			}
		}
	}
	names := make([]string, 0, len(walked))
	for op := range walked {
		names = append(names, op)
		if !strings.Contains(string(table), op) {
			t.Errorf("the crash table in doc.go has no row for %s", op)
		}
	}
	slices.Sort(names)
	for _, op := range names {
		t.Logf("%-20s %5d faults", op, walked[op])
	}
}
