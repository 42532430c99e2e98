package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/due"
	"keyturn/internal/providers"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

const planned = `
redis: {address: "127.0.0.1:1"}
vault: {address: "http://127.0.0.1:1", insecure_http: true, auth: {token: {env: NOTHING}}}
timing: {drift_check: {every: 12h}}
defaults: {schedule: {every: 10d, splay: 0s}, first: manual}
accounts:
  enough: {provider: tencent-ses, rate: [100/h], keys: {secret_id: {env: A}, secret_key: {env: B}}, verify: {mode: off}}
  scarce: {provider: tencent-ses, rate: [10/h, 1000/d], keys: {secret_id: {env: A}, secret_key: {env: B}}, verify: {mode: off}, schedule: {every: 1d, splay: 0s}}
  proven: {provider: tencent-ses, rate: [1/s], keys: {secret_id: {env: A}, secret_key: {env: B}}, verify: {smtp: {address: "mail:465", rate: 40/h}}, schedule: {every: 1d, splay: 0s}}
  plain: {provider: tencent-ses, rate: [1/s], keys: {secret_id: {env: A}, secret_key: {env: B}}, verify: {mode: off}}
  quiet: {provider: tencent-ses, rate: [1/s], keys: {secret_id: {env: A}, secret_key: {env: B}}, verify: {mode: off}}
  unbuilt: {provider: tencent-ses, rate: [1/s], keys: {secret_id: {env: A}, secret_key: {env: B}}, verify: {mode: off}}
credentials:
`

// plannedFleet is a configuration of many credentials, and what a scheduler would have put into Redis for them.
func plannedFleet(t *testing.T) (*config.Config, *due.Index) {
	t.Helper()
	server := devenvtest.Redis(t)
	text := &strings.Builder{}
	text.WriteString(planned)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer admin.Close()
	add := func(account string, n int, more string, at time.Time) {
		for i := range n {
			id := fmt.Sprintf("%s-%s-%d", account, more, i)
			first := ""
			if more == "missing" {
				first = ", first: scheduled"
			}
			fmt.Fprintf(text, "  - {id: %s, account: %s, target: %s@example.com, path: mail/%s%s}\n", id, account, id, id, first)
			if !at.IsZero() {
				admin.ZAdd(t.Context(), "keyturn:{"+account+"}:due", redis.Z{Score: float64(at.UnixMilli()), Member: id})
			}
			if more == "claimed" {
				admin.HSet(t.Context(), "keyturn:{"+account+"}:claimed", id, noon.Add(-time.Hour).UnixMilli())
			}
			if more == "stuck" {
				admin.HSet(t.Context(), "keyturn:{"+account+"}:quarantine", id, "target")
			}
		}
	}
	add("enough", 1500, "soon", noon.Add(30*time.Hour))
	add("enough", 20, "overdue", noon.Add(-time.Minute))
	add("enough", 5, "claimed", noon.Add(5*time.Minute)) // when it would be claimed again
	add("enough", 3, "stuck", time.Time{})
	add("scarce", 300, "daily", noon.Add(time.Hour))
	add("proven", 300, "daily", noon.Add(time.Hour))
	add("quiet", 2, "new", time.Time{})
	add("plain", 1, "soon", noon.AddDate(0, 0, 20))
	add("unbuilt", 4, "missing", time.Time{})
	for _, account := range []string{"enough", "scarce", "proven", "quiet", "plain"} {
		admin.Set(t.Context(), "keyturn:{"+account+"}:epoch", 1, 0)
	}
	path := filepath.Join(t.TempDir(), "keyturn.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, providers.All())
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	t.Cleanup(func() { _ = rdb.Close() })
	return cfg, due.NewIndex(rdb)
}

func TestAPlanIsMadeFromTheIndexAndTheSchedules(t *testing.T) {
	t.Parallel()
	cfg, index := plannedFleet(t)
	plans, err := makePlans(t.Context(), cfg, index, nil, noon, 12)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := printPlans(&out, plans); err != nil {
		t.Fatal(err)
	}
	want := `ACCOUNT  DAY         DUE   CAN GO  BACKLOG
enough   2026-11-22  1500  2400    900
enough   2026-12-01  25    2400    0
enough   2026-12-02  1500  2400    900
proven   2026-11-21  300   145     168
proven   2026-11-22  300   290     168
proven   2026-11-23  300   290     168
proven   2026-11-24  300   290     168
proven   2026-11-25  300   290     168
proven   2026-11-26  300   290     168
proven   2026-11-27  300   290     168
proven   2026-11-28  300   290     168
proven   2026-11-29  300   290     168
proven   2026-11-30  300   290     168
proven   2026-12-01  300   290     168
proven   2026-12-02  300   290     168
scarce   2026-11-21  300   120     190
scarce   2026-11-22  300   240     190
scarce   2026-11-23  300   240     190
scarce   2026-11-24  300   240     190
scarce   2026-11-25  300   240     190
scarce   2026-11-26  300   240     190
scarce   2026-11-27  300   240     190
scarce   2026-11-28  300   240     190
scarce   2026-11-29  300   240     190
scarce   2026-11-30  300   240     190
scarce   2026-12-01  300   240     190
scarce   2026-12-02  300   240     190

ACCOUNT  CREDENTIALS  OVERDUE  DUE   BUSIEST DAY        RATE SUFFICES  BACKLOG ENDS                                              NOTE
enough   1528         25       3025  2026-11-22 (1500)  yes            2026-11-21 12:15Z                                         3 in quarantine; at most 1400 are late, on 2026-11-22
plain    1            0        0     -                  yes            -                                                         -
proven   300          0        3600  2026-11-21 (300)   NO             never at this rate: 300 a day fall due, 290 a day can go  verify.smtp.rate of mail:465 is the limit; at most 288 are late, on 2026-11-21
quiet    2            0        0     -                  yes            -                                                         2 wait for their first rotation
scarce   300          0        3600  2026-11-21 (300)   NO             never at this rate: 300 a day fall due, 240 a day can go  at most 290 are late, on 2026-11-21
unbuilt  4            0        0     -                  yes            -                                                         the index is not built yet: is a scheduler running?; 4 are missing from the index and left out
`
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}

func TestAPlanOfOneAccountReadsNoOther(t *testing.T) {
	t.Parallel()
	cfg, index := plannedFleet(t)
	plans, err := makePlans(t.Context(), cfg, index, []string{"quiet"}, noon, 1)
	if err != nil || len(plans) != 1 || plans[0].Account != "quiet" || plans[0].Waiting != 2 || len(plans[0].Days) != 1 {
		t.Errorf("%d plans, %v", len(plans), err)
	}
}

func TestAPlanShowsWhatMissedItsWindowInTheNextOne(t *testing.T) {
	t.Parallel()
	when, err := schedule.Parse(schedule.Spec{Every: "1d", Window: "01:07-03:07"})
	if err != nil {
		t.Fatal(err)
	}
	p := &plan{Account: "a", forecast: newForecast(noon, 2)}
	for i := range 50 {
		cred := &rotation.Credential{ID: fmt.Sprintf("c%d", i), Account: "a", Schedule: when, Verify: &rotation.Verification{}}
		p.add(cred, due.Standing{Due: noon.Add(-10 * time.Hour)}) // 02:00
	}
	p.outlook = p.forecast.outlook(1000)
	if p.Overdue != 0 || p.Days[0].Due != 0 || p.Days[1].Due != 50 {
		t.Errorf("%d overdue, %+v", p.Overdue, p.Days)
	}
	if notes := p.notes(); !slices.Contains(notes, "50 missed their window and wait for the next one") {
		t.Errorf("notes: %q", notes)
	}
}

func TestContactVerificationsCountAgainstTheRate(t *testing.T) {
	t.Parallel()
	hourly, err := schedule.Parse(schedule.Spec{Cron: "@hourly", Splay: "0s"})
	if err != nil {
		t.Fatal(err)
	}
	cfg, _ := plannedFleet(t)
	cfg.Verifications = []config.Verification{
		{Name: "owners", Account: "enough", Addresses: []string{"a@example.com", "b@example.com", "c@example.com"}, Schedule: hourly},
		{Name: "others", Account: "plain", Addresses: []string{"a@example.com"}, Schedule: hourly},
	}
	p := &plan{Account: "enough", Credentials: 1, calls: 1, forecast: newForecast(noon.Truncate(day), 10)}
	if err := p.finish(cfg, nil); err != nil {
		t.Fatal(err)
	}
	// 100 calls an hour, less one for each of three addresses.
	if got := p.CanGoPerDay; got < 24*97-1 || got > 24*97+1 {
		t.Errorf("%v rotations a day can go, want %d", got, 24*97)
	}
}

// The time of a million credentials with a daily cron, without reading the configuration and the index: run with
// -bench PlanOfAMillion -benchtime 1x.
func BenchmarkPlanOfAMillion(b *testing.B) {
	when, err := schedule.Parse(schedule.Spec{Cron: "0 3 * * *", Zone: "Europe/Berlin"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p := &plan{Account: "a", forecast: newForecast(noon, 30)}
		for i := range 1_000_000 {
			cred := &rotation.Credential{ID: fmt.Sprintf("credential-%d", i), Account: "a", Schedule: when, Verify: &rotation.Verification{}}
			p.add(cred, due.Standing{Due: when.Next(noon, cred.ID)})
		}
	}
}
