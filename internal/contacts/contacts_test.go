package contacts_test

import (
	"strings"
	"testing"
	"time"

	"keyturn/internal/contacts"
	"keyturn/internal/rotation"
)

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
