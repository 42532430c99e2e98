package app_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/app"
	"keyturn/internal/due"
	"keyturn/internal/observe"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/tencentses"
)

// TestAServerThatRefusesEverybodyIsNotAFleetOfWrongPasswords: no refusal of a working login is believed, it is told
// once, and a server that accepts logins again is believed again.
func TestAServerThatRefusesEverybodyIsNotAFleetOfWrongPasswords(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "6000/m")
	for i := range staff {
		if v, err := o.ask(i, ""); v != rotation.Works || err != nil {
			t.Fatalf("%d: %v, %v", i, v, err)
		}
	}
	o.refuseEverybody()
	before := o.asked()
	var all sync.WaitGroup
	for i := range staff {
		all.Go(func() {
			v, err := o.ask(i, "")
			var later *rotation.WaitError // in doubt, no check asks
			if v != rotation.Unbelieved && !errors.As(err, &later) || err == nil {
				t.Errorf("%d: %v, %v", i, v, err)
			}
		})
	}
	all.Wait()
	if n := o.asked() - before; n > staff+2 {
		t.Errorf("%d logins for %d refusals", n, staff)
	}
	if n := o.log.count("refuses logins that worked"); n != 1 {
		t.Errorf("told %d times", n)
	}
	o.box.ClearFaults()
	if err := o.verifier(0).(rotation.Reserver).Reserve(t.Context(), "c00@example.com", 1, rotation.Resumed); err != nil {
		t.Fatal(err)
	}
	if v, err := o.ask(0, ""); v != rotation.Works || err != nil {
		t.Errorf("after the outage: %v, %v", v, err)
	}
	if n := o.log.count("accepts logins again"); n != 1 {
		t.Errorf("told %d times that it is over", n)
	}
	var events []string
	noted, err := due.NewIndex(o.rdb).Events(t.Context(), "0", 100, -1)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range noted {
		events = append(events, e.Fields["type"])
	}
	if !slices.Equal(events, []string{due.EventMailServerSick, due.EventMailServerWell}) {
		t.Errorf("noted %q", events)
	}
	if v, err := o.ask(1, "Wrong-1"); v != rotation.Refused || err != nil {
		t.Errorf("a wrong password after the outage: %v, %v", v, err)
	}
}

// TestACheckSoonAfterARotationIsBackedLikeAnyOther: that a login worked seconds ago says nothing about a server that has
// begun to refuse everybody since.
func TestACheckSoonAfterARotationIsBackedLikeAnyOther(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "6000/m")
	for i := range 3 {
		if err := o.verifier(i).(rotation.Reserver).Reserve(t.Context(), name(i)+"@example.com", 3, rotation.Rotation); err != nil {
			t.Fatal(err)
		}
		if v, err := o.ask(i, ""); v != rotation.Works {
			t.Fatalf("%v, %v", v, err)
		}
	}
	o.refuseEverybody()
	if v, err := o.ask(0, ""); v != rotation.Unbelieved || err == nil {
		t.Errorf("%v, %v", v, err)
	}
}

// TestASmallBudgetSufficesToFindOutThatAServerRefusesEverybody: one refusal of a check, and one of its witness.
func TestASmallBudgetSufficesToFindOutThatAServerRefusesEverybody(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "10/m")
	for i := range 2 {
		if v, err := o.ask(i, ""); v != rotation.Works {
			t.Fatalf("%v, %v", v, err)
		}
	}
	o.refuseEverybody()
	if v, err := o.ask(0, ""); v != rotation.Unbelieved || err == nil {
		t.Errorf("%v, %v", v, err)
	}
	if n := o.log.count("refuses logins that worked"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// TestAWrongPasswordIsRefusedWhereAnotherLoginWorks, though no login was tried for a while.
func TestAWrongPasswordIsRefusedWhereAnotherLoginWorks(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "6000/m")
	if v, err := o.ask(0, "Wrong-0"); v != rotation.Unbelieved || err == nil {
		t.Errorf("no login ever worked: %v, %v", v, err)
	}
	if v, err := o.ask(1, ""); v != rotation.Works {
		t.Fatalf("%v, %v", v, err)
	}
	before := o.asked()
	if v, err := o.ask(0, "Wrong-0"); v != rotation.Refused || err != nil {
		t.Errorf("backed by another login: %v, %v", v, err)
	}
	if n := o.asked() - before; n != 2 {
		t.Errorf("%d logins, want the one that is refused and its witness", n)
	}
	o.vault["c01"] = "" // nothing in Vault any more
	if v, err := o.ask(0, "Wrong-0"); v != rotation.Unbelieved || err == nil {
		t.Errorf("without a witness: %v, %v", v, err)
	}
}

// TestABudgetThatIsSpentMeansLaterAndIsNoVerdict.
func TestABudgetThatIsSpentMeansLaterAndIsNoVerdict(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "12/10m") // 4 refusals
	var later *rotation.WaitError
	reserve := func(i, n int) error {
		return o.verifier(i).(rotation.Reserver).Reserve(t.Context(), name(i)+"@example.com", n, rotation.Rotation)
	}
	if err := reserve(0, 3); err != nil {
		t.Fatal(err)
	}
	if err := reserve(1, 3); !errors.As(err, &later) || later.After <= 0 {
		t.Errorf("a second rotation: %v", err)
	}
	for range 3 {
		if v, _ := o.ask(0, "Wrong-0"); v != rotation.Unbelieved {
			t.Errorf("booked: %v", v)
		}
	}
	v, err := o.ask(0, "Wrong-0") // the fourth refusal
	if v != rotation.Unbelieved {
		t.Errorf("the rest is for what resumes: %v, %v", v, err)
	}
	before := o.asked()
	if v, err := o.ask(0, "Wrong-0"); v != rotation.Unknown || !errors.As(err, &later) || !strings.Contains(err.Error(), "verify.smtp.rate") {
		t.Errorf("beyond the budget: %v, %v", v, err)
	}
	if n := o.asked() - before; n != 0 {
		t.Errorf("%d logins beyond the budget", n)
	}
}

// TestAServerThatIsAwayOrBusyIsLeftAloneByAllCredentials.
func TestAServerThatIsBusyIsLeftAloneByAllCredentials(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "6000/m")
	if _, err := o.box.AddFaults(core.Fault{At: core.AtSMTP, Kind: core.Unavailable}); err != nil {
		t.Fatal(err)
	}
	if v, err := o.ask(0, ""); v != rotation.Unknown || !strings.Contains(err.Error(), "454") {
		t.Errorf("%v, %v", v, err)
	}
	var later *rotation.WaitError
	if v, err := o.ask(1, ""); v != rotation.Unknown || !errors.As(err, &later) || later.After > 5*time.Second {
		t.Errorf("another credential: %v, %v", v, err)
	}
	if n := o.asked(); n != 0 {
		t.Errorf("%d logins in the pause", n)
	}
}

func TestServersThatCannotBeAskedAreNamedAtTheStart(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "30/m")
	log, metrics := &lines{}, observe.NewMetrics()
	o.subjects.CheckServers(t.Context(), metrics, slog.New(slog.NewJSONHandler(log, nil)))
	if n := log.count("WARN"); n != 0 {
		t.Errorf("%d warnings about a server that is well", n)
	}
	cfg := load(t, strings.ReplaceAll(fleet, `"127.0.0.1:465"`, fmt.Sprintf("%q, tls: implicit", o.box.Ready().SMTP[tencentses.Code])))
	untrusting, err := app.NewSubjects(t.Context(), cfg, fromVault, app.Mail{})
	if err != nil {
		t.Fatal(err)
	}
	untrusting.CheckServers(t.Context(), metrics, slog.New(slog.NewJSONHandler(log, nil)))
	if log.count("WARN") != 1 || log.count("certificate") == 0 {
		t.Errorf("the certificate is not named: %s", log.text.String())
	}
}
