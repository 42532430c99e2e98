package ratelimit

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
)

var wide = rotation.Rate{Requests: 30_000, Per: time.Minute}

// works and refuses are questions about the login of a credential.
func (m *mail) works(id string) Judgement {
	m.t.Helper()
	m.try(id, 1, rotation.Resumed)
	return m.answer(Answer{Login: id, ID: id, Verdict: rotation.Works})
}

func (m *mail) refuses(id string, routine bool) Judgement {
	m.t.Helper()
	m.try(id, 1, rotation.Resumed)
	return m.answer(Answer{Login: id, ID: id, Verdict: rotation.Refused, Routine: routine, Took: time.Millisecond})
}

func (m *mail) strike(id string) bool {
	m.t.Helper()
	believed, err := m.Strike(m.t.Context(), id)
	if err != nil {
		m.t.Fatal(err)
	}
	return believed
}

func TestARefusalIsBelievedJustAfterALoginAndIsBackedByAnotherOneLater(t *testing.T) {
	t.Parallel()
	m := newMail(t, wide)
	m.works("a")
	if j := m.refuses("b", false); j.Standing != Believed {
		t.Errorf("at once: %+v", j)
	}
	m.works("a")
	m.clock.advance(time.Millisecond * 2)
	if j := m.refuses("b", true); j.Standing != Ask || !slices.Equal(j.Witnesses, []string{"a"}) {
		t.Errorf("a routine check: %+v", j)
	}
	if j := m.refuses("c", true); j.Standing != Inquiring {
		t.Errorf("another one meanwhile: %+v", j)
	}
	m.works("a") // the witness
	m.clock.advance(11 * time.Second)
	if j := m.refuses("b", false); j.Standing != Ask || !j.Recent {
		t.Errorf("after 11 s: %+v", j)
	}
	m.works("a")
	m.clock.advance(10*time.Minute + time.Second)
	if j := m.refuses("b", false); j.Standing != Ask || j.Recent {
		t.Errorf("after ten minutes: %+v", j)
	}
}

// TestManyRefusalsAtOnceMeanTheServer: the third login that is refused after the last one that worked asks first.
func TestManyRefusalsAtOnceMeanTheServer(t *testing.T) {
	t.Parallel()
	m := newMail(t, wide)
	for i := range 40 {
		m.works(fmt.Sprint("known", i))
		m.clock.advance(time.Millisecond)
	}
	for i, want := range []Standing{Believed, Believed, Ask} {
		if j := m.refuses(fmt.Sprint("new", i), false); j.Standing != want {
			t.Errorf("login %d: %+v", i, j)
		} else if want == Ask && (len(j.Witnesses) != 16 || j.Witnesses[0] != "known39" || j.Recent) {
			t.Errorf("to ask: %+v", j)
		}
	}
	m.refuses("known39", false) // the witness
	for i, want := range []bool{true, false} {
		if first, err := m.Inquired(t.Context(), true); first != want || err != nil {
			t.Errorf("told %d times: %v, %v", i+1, first, err)
		}
	}
	if j := m.refuses("another", false); j.Standing != Doubted {
		t.Errorf("now that the server is known to refuse everybody: %+v", j)
	}
	if got, _ := m.try("check", 1, rotation.Routine); got != 0 {
		t.Error("a routine check may still ask")
	}
	m.clock.advance(time.Minute + time.Second)
	if j := m.refuses("another", false); j.Standing != Ask || slices.Contains(j.Witnesses[:1], "known39") {
		t.Errorf("after a minute others are to be asked: %+v", j)
	}
	if j := m.works("known3"); j.Standing != Recovered {
		t.Errorf("a login works again: %+v", j)
	}
	if j := m.works("known4"); j.Standing != Believed {
		t.Errorf("it is told once: %+v", j)
	}
}

func TestALoneLoginIsBelievedAtItsThirdRefusalAndForOneRepair(t *testing.T) {
	t.Parallel()
	m := newMail(t, wide)
	if j := m.refuses("a", true); j.Standing != Lone || len(j.Witnesses) != 0 {
		t.Errorf("no login ever worked: %+v", j)
	}
	m.works("a")
	m.clock.advance(time.Minute)
	if j := m.refuses("a", true); j.Standing != Lone || !slices.Equal(j.Witnesses, []string{"a"}) {
		t.Errorf("only this one ever logged in: %+v", j)
	}
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{
		{0, false},
		{9 * time.Minute, false}, // does not count
		{time.Minute + time.Second, false},
		{10*time.Minute + time.Second, true},
		{time.Minute, true}, // the other password
		{10 * time.Minute, false},
		{10*time.Minute + time.Second, false},
		{10*time.Minute + time.Second, true},
	} {
		m.clock.advance(step.after)
		if got := m.strike("a"); got != step.want {
			t.Errorf("after %v more: %v", step.after, got)
		}
	}
	m.works("a")
	if m.strike("a") {
		t.Error("a login that worked still counts as refused")
	}
}

func TestACredentialThatHasGoneVouchesForNothing(t *testing.T) {
	t.Parallel()
	m := newMail(t, wide)
	m.works("a")
	m.clock.advance(time.Hour)
	if err := m.Forget(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if j := m.refuses("b", false); j.Standing != Lone {
		t.Errorf("%+v", j)
	}
}
