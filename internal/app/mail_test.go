package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/due"
	"keyturn/internal/observe"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/tencentses"
	"keyturn/internal/secret"
)

// office is a mail server with some credentials, a real Redis, and a Vault that is a map.
type office struct {
	t        *testing.T
	box      *core.Server
	cfg      *config.Config
	subjects *app.Subjects
	vault    vault
	log      *lines
	rdb      redis.UniversalClient
}

type vault map[string]string // path → password

func (v vault) Read(_ context.Context, place rotation.Place) (rotation.Entry, error) {
	return rotation.Entry{Version: 1, Password: secret.New(v[place.Path])}, nil
}

func (v vault) Password(context.Context, rotation.Place, int) (secret.Value, error) {
	return secret.Value{}, nil
}

func (v vault) Write(context.Context, rotation.Place, rotation.Entry) error {
	return errors.New("nobody writes here")
}

func (v vault) Fence(context.Context, rotation.Place, rotation.Entry) error {
	return errors.New("nobody writes here")
}

// lines is a log that can be read while others write.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

const staff = 12

// openOffice has the credentials c00 to c11, whose passwords in Vault work.
func openOffice(t *testing.T, rate string) *office {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	box, err := sandbox.Start(t.Context(), core.Config{Now: time.Now, CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.WithoutCancel(t.Context())) })
	o := &office{t: t, box: box, vault: vault{}, log: &lines{}}
	text := fmt.Sprintf(`
redis: {address: "127.0.0.1:6379"}
vault: {address: "https://vault.example:8200", auth: {token: {env: VAULT_TOKEN}}}
defaults: {schedule: {every: 30d}}
accounts:
  ses:
    provider: tencent-ses
    keys: {secret_id: {file: key}, secret_key: {file: key}}
    verify: {smtp: {address: %q, tls: implicit, ca_file: %q, rate: %q, timeout: 10s}}
credentials:
`, box.Ready().SMTP[tencentses.Code], ca, rate)
	for i := range staff {
		id := name(i)
		target := id + "@example.com"
		text += fmt.Sprintf("  - {id: %s, account: ses, target: %s, path: %s}\n", id, target, id)
		o.vault[id] = "Right-" + id
		if _, err := box.AddTargets(tencentses.Code, core.Target{Target: target, Password: o.vault[id]}); err != nil {
			t.Fatal(err)
		}
	}
	o.cfg = load(t, text)
	rdb := redis.NewClient(&redis.Options{
		Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword, ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = rdb.Close() })
	o.rdb = rdb
	o.subjects, err = app.NewSubjects(t.Context(), o.cfg, fromVault, app.Mail{
		Redis: rdb, Secrets: o.vault, Metrics: observe.NewMetrics(), Log: slog.New(slog.NewJSONHandler(o.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func name(i int) string { return fmt.Sprintf("c%02d", i) }

func (o *office) verifier(i int) rotation.Verifier {
	o.t.Helper()
	cred, _ := o.cfg.Credential(name(i))
	s, err := o.subjects.Of(cred)
	if err != nil {
		o.t.Fatal(err)
	}
	return s.Verifier
}

// ask asks about a password of a credential; "" is the one in Vault.
func (o *office) ask(i int, password string) (rotation.Verdict, error) {
	o.t.Helper()
	if password == "" {
		password = o.vault[name(i)]
	}
	return o.verifier(i).Verify(o.t.Context(), name(i)+"@example.com", secret.New(password))
}

// asked is how many logins the server has judged.
func (o *office) asked() int64 {
	s := o.box.Stats()[tencentses.Code]
	return s.LoginsOK + s.LoginsNo
}

// refuseEverybody lets the server answer 535 to each login.
func (o *office) refuseEverybody() {
	o.t.Helper()
	if _, err := o.box.AddFaults(core.Fault{At: core.AtSMTP, Kind: core.Reject, Count: -1}); err != nil {
		o.t.Fatal(err)
	}
}

// TestAServerThatRefusesEverybodyIsNotAFleetOfWrongPasswords: nobody who works is believed to be refused, it is told once,
// and a server that accepts logins again is believed again.
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

// TestAWrongPasswordIsRefusedWhereAnotherLoginWorks, though nobody logged in for a while.
func TestAWrongPasswordIsRefusedWhereAnotherLoginWorks(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "6000/m")
	if v, err := o.ask(0, "Wrong-0"); v != rotation.Unbelieved || err == nil {
		t.Errorf("nobody ever logged in: %v, %v", v, err)
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
