package contacts_test

import (
	"testing"
	"time"

	"keyturn/internal/contacts"
)

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
