package operate_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/providers"
)

// TestAPaceIsWhatTheSchedulesAskForAndTheRateLetsGo: without a server, and without an index.
func TestAPaceIsWhatTheSchedulesAskForAndTheRateLetsGo(t *testing.T) {
	t.Parallel()
	text := &strings.Builder{}
	text.WriteString(planned)
	add := func(account string, n int, more string) {
		for i := range n {
			id := fmt.Sprintf("%s-%d", account, i)
			fmt.Fprintf(text, "  - {id: %s, account: %s, target: %s@example.com, path: mail/%s%s}\n", id, account, id, id, more)
		}
	}
	add("enough", 1000, "")
	add("scarce", 300, "")
	add("proven", 300, "")
	add("plain", 365, `, schedule: {cron: "0 3 1,2 * *"}`) // a day apart, and then a month
	add("quiet", 7, ", schedule: manual")
	path := filepath.Join(t.TempDir(), "keyturn.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, providers.All())
	if err != nil {
		t.Fatal(err)
	}
	paces, err := operate.For(cfg).Paces(noon)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]operate.Pace{}
	for _, p := range paces {
		got[p.Account] = p
	}
	for _, want := range []operate.Pace{
		{Account: "enough", Credentials: 1000, DuePerDay: 100, CanGoPerDay: 2400},
		{Account: "scarce", Credentials: 300, DuePerDay: 300, CanGoPerDay: 240},
		// 40 questions an hour, nine in ten for rotations, less a drift check of each every twelve hours, splayed.
		{Account: "proven", Credentials: 300, DuePerDay: 300, CanGoPerDay: 284, Slowest: "mail:465"},
		{Account: "plain", Credentials: 365, DuePerDay: 24, CanGoPerDay: 86400},
		{Account: "quiet", Credentials: 7, DuePerDay: 0, CanGoPerDay: 86400},
	} {
		p := got[want.Account]
		if p.Credentials != want.Credentials || p.Slowest != want.Slowest || off(p.DuePerDay, want.DuePerDay) || off(p.CanGoPerDay, want.CanGoPerDay) {
			t.Errorf("%+v, want %+v", p, want)
		}
	}
	if len(got) != 5 || off(got["scarce"].Round(), 1.25) || (operate.Pace{}).Round() != 0 {
		t.Errorf("%d accounts, a round of scarce takes %v days", len(got), got["scarce"].Round())
	}
}

// off tells whether a figure differs by more than what the length of months and days does.
func off(got, want float64) bool { return math.Abs(got-want) > want/40 }
