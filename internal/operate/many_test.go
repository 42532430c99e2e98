package operate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// agenda is a queue that notes for when each rotation is asked for.
type agenda struct {
	busy
	asked []string
	full  string // a credential that has too many jobs already
}

func (a *agenda) Demand(ctx context.Context, account string, kind queue.Kind, id string, job rotation.Job) (time.Time, error) {
	return a.DemandLater(ctx, account, kind, id, job, 0)
}

func (a *agenda) DemandLater(_ context.Context, account string, kind queue.Kind, id string, job rotation.Job, after time.Duration) (time.Time, error) {
	if id == a.full {
		return time.Time{}, queue.ErrBusy
	}
	a.asked = append(a.asked, fmt.Sprintf("%s %s/%s by %s after %s", kind, account, id, job.RequestedBy, after))
	return time.Now(), nil
}

func manyDesk(t *testing.T, n int) (*operate.Desk, *agenda) {
	t.Helper()
	a := &agenda{}
	return &operate.Desk{
		Fleet: fleet(t, n), Accounts: map[string]*config.Account{"mail": {Name: "mail", Rates: []rotation.Rate{{Requests: 1, Per: 9 * time.Second / 10}}}},
		Queue: a, Index: known{built: true}, Breakers: broken{}, Clock: rotation.WallClock{},
	}, a
}

// TestManyRotationsComeAtThePaceOfTheRate: six urgent jobs go first, and nine tenths of the rate is one a second.
func TestManyRotationsComeAtThePaceOfTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, a := manyDesk(t, 5)
		a.full = "c-1"
		m, err := d.Many(t.Context(), operate.ManyRequest{IDs: []string{"c-2", "c-1", "c-0", "c-2"}})
		if err != nil || m.Credentials != 3 || m.Asked != 0 || len(a.asked) > 0 {
			t.Fatalf("%+v, %v, %q", m, err, a.asked)
		}
		err = d.RotateMany(t.Context(), m, "ann@console")
		want := []string{"rotate mail/c-0 by ann@console after 6s", "rotate mail/c-2 by ann@console after 8s"}
		if err != nil || m.Asked != 2 || !slices.Equal(a.asked, want) {
			t.Errorf("%v, %d, %q", err, m.Asked, a.asked)
		}
		if len(m.Failures) != 1 || m.Failures[0].Credential != "c-1" || !strings.Contains(m.Failures[0].Why, queue.ErrBusy.Error()) {
			t.Errorf("%+v", m.Failures)
		}
	})
}

func TestOneRequestIsForABoundedNumberAndSaysWhereToGoOn(t *testing.T) {
	t.Parallel()
	d, _ := manyDesk(t, operate.MaxMany+7)
	m, err := d.Many(t.Context(), operate.ManyRequest{Account: "mail"})
	if err != nil || m.Credentials != operate.MaxMany || m.More != 7 || m.Last != "c-999" || !m.Surprises() {
		t.Fatalf("%+v, %v", m, err)
	}
	m, err = d.Many(t.Context(), operate.ManyRequest{Account: "mail", After: m.Last})
	if err != nil || m.Credentials != 7 || m.More != 0 || m.Last != "" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestAFewThatWereRotatedBeforeDoNotSurprise(t *testing.T) {
	t.Parallel()
	for n, surprises := range map[int]bool{100: false, 101: true} {
		d, _ := manyDesk(t, n)
		for cred := range d.Fleet.Credentials() {
			cred.First = rotation.FirstScheduled
		}
		if m, err := d.Many(t.Context(), operate.ManyRequest{Account: "mail"}); err != nil || m.Credentials != n || m.Surprises() != surprises {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func TestARequestForManySaysWhichInOneWay(t *testing.T) {
	t.Parallel()
	d, _ := manyDesk(t, 3)
	for want, r := range map[string]operate.ManyRequest{
		"name credentials, an account":    {After: "c-1"},
		"not both":                        {IDs: []string{"c-1"}, Account: "mail"},
		"want at most 1000":               {IDs: make([]string, operate.MaxMany+1)},
		"not in the configuration: other": {IDs: []string{"c-1", "other"}},
		"account male: want one of mail":  {Account: "male"},
	} {
		if m, err := d.Many(t.Context(), r); err == nil || operate.KindOf(err) == operate.Beneath || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %+v, %v", want, m, err)
		}
	}
}
