package operate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/providers"
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

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// atNoon is a queue that is asked for the time alone.
type atNoon struct{ operate.Queue }

func (atNoon) Now(context.Context) (time.Time, error) { return noon, nil }

// plannedFleet is a desk for a configuration of many credentials, and what a scheduler would have put into Redis for them.
func plannedFleet(t *testing.T) *operate.Desk {
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
	d := operate.For(cfg)
	d.Queue, d.Index = atNoon{}, due.NewIndex(rdb)
	return d
}

var update = flag.Bool("update", false, "write what is compared with testdata")

func TestAPlanIsMadeFromTheIndexAndTheSchedules(t *testing.T) {
	t.Parallel()
	read := 0
	plans, err := plannedFleet(t).Plan(t.Context(), operate.PlanRequest{Days: 12}, func(n, total int) {
		if read++; n != read || total != 2135 {
			t.Errorf("%d of %d read, after %d", n, total, read-1)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for _, p := range plans {
		if err := json.NewEncoder(&got).Encode(p); err != nil {
			t.Fatal(err)
		}
	}
	golden := filepath.Join("testdata", "plans.jsonl")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got.String() != string(want) {
		t.Errorf("%v: got\n%s\nwant\n%s", err, got.String(), want)
	}
}

func TestAPlanOfOneAccountReadsNoOther(t *testing.T) {
	t.Parallel()
	plans, err := plannedFleet(t).Plan(t.Context(), operate.PlanRequest{Accounts: []string{"quiet"}, Days: 1}, nil)
	if err != nil || len(plans) != 1 || plans[0].Account != "quiet" || plans[0].Waiting != 2 || len(plans[0].Days) != 1 {
		t.Errorf("%+v, %v", plans, err)
	}
}

func TestAPlanRefusesWhatItCannotForesee(t *testing.T) {
	t.Parallel()
	d := &operate.Desk{Accounts: map[string]*config.Account{"mail": {}}}
	for _, r := range []operate.PlanRequest{{}, {Days: operate.MaxDays + 1}} {
		if _, err := d.Plan(t.Context(), r, nil); operate.KindOf(err) != operate.Invalid {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, err := d.Plan(t.Context(), operate.PlanRequest{Days: 1, Accounts: []string{"male"}}, nil); operate.KindOf(err) != operate.Absent {
		t.Errorf("%v", err)
	}
}
