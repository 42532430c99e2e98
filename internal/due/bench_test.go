package due

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// instant is a Vault that answers at once: every secret was rotated within the last 30 days.
type instantVault struct{ vault }

func (*instantVault) Load(context.Context, *rotation.Credential) (rotation.Record, error) {
	return rotation.Record{}, nil
}

func (*instantVault) Read(_ context.Context, place rotation.Place) (rotation.Entry, error) {
	age := time.Duration(len(place.Path)) * time.Hour
	slot := time.Now().Add(-age)
	return rotation.Entry{Version: 1, Password: secret.New("x"), RotationID: "r", Slot: slot}, nil
}

// The figures that a fleet of a million has to hold, and how they grow: run with -bench Fleet -benchtime 1x.
func BenchmarkFleet(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) { benchmarkFleet(b, n) })
	}
}

func benchmarkFleet(b *testing.B, n int) {
	const accounts = 10
	when := every30d(b)
	var names []Account
	creds := make([]*rotation.Credential, 0, n)
	for a := range accounts {
		name := "account-" + strconv.Itoa(a)
		names = append(names, Account{Name: name, Capacity: 1000})
		creds = append(creds, fleet(name, n/accounts, when)...)
	}
	inv := newInventory("bench", creds...)
	for b.Loop() {
		server := devenvtest.Redis(b)
		x := dial(b, server.Addr)
		before := memory(b, x)
		v := &instantVault{}
		s := newScheduler(x, newQueue(), nil, inv, names...)
		s.Truth = Truth{Journals: v, Secrets: v}
		start := time.Now()
		must(b, settle(b.Context(), s))
		b.ReportMetric(time.Since(start).Seconds(), "rebuild-s")
		b.ReportMetric(float64(memory(b, x)-before)/float64(n), "redis-B/credential")
		b.ReportMetric(p99(200, func() { _ = have[time.Duration](b)(s.tick(b.Context())) }), "idle-tick-p99-ms")
		putOff(b, x, past, creds[:n/20]...)
		b.ReportMetric(p99(40, func() { _ = have[[]Due](b)(x.Claim(b.Context(), "account-0", 1000, time.Hour)) }), "claim1000-p99-ms")
		b.ReportMetric(p99(40, func() { _ = have[[]Standing](b)(x.Look(b.Context(), creds[:1000])) }), "look1000-p99-ms")
		started := time.Now()
		reload(s, newInventory("next", creds...))
		must(b, settle(b.Context(), s))
		b.ReportMetric(time.Since(started).Seconds(), "reload-s")
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapInuse)/1e6, "heap-MB")
	}
}

func memory(tb testing.TB, x *Index) int {
	tb.Helper()
	info := have[string](tb)(x.rdb.Info(tb.Context(), "memory").Result())
	for line := range strings.Lines(info) {
		if used, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
			return have[int](tb)(strconv.Atoi(used))
		}
	}
	tb.Fatal("no used_memory")
	return 0
}

// p99 is the 99th percentile of n calls, in milliseconds.
func p99(n int, f func()) float64 {
	times := make([]time.Duration, n)
	for i := range times {
		start := time.Now()
		f()
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	return float64(times[n*99/100].Microseconds()) / 1000
}
