package config_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestACredentialIsSmall holds the memory of a fleet whose lines are much longer than what they say. It must not run
// beside other tests, whose memory would count.
func TestACredentialIsSmall(t *testing.T) { //nolint:paralleltest // measures the heap
	const n, limit = 20_000, 350
	dir := t.TempDir()
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"id":"mail-%07d","account":"tencent","target":"user%07d@example.com","path":"mail/user%07d","store":"default"%s}`+"\n",
			i, i, i, strings.Repeat(" ", 1000))
	}
	write(t, dir, "fleet.jsonl", lines.String())
	lines.Reset()
	mustLoad(t, dir, base) // what is made once
	before := heap()
	cfg := mustLoad(t, dir, base+"include: [fleet.jsonl]\n")
	if used := (heap() - before) / n; used > limit {
		t.Errorf("a credential takes %d bytes, want at most %d", used, limit)
	}
	runtime.KeepAlive(cfg)
}

// TestAnOwnOwnerIsSmall holds what a credential costs beside that if none is filed as its account. It must not run beside
// other tests, whose memory would count.
func TestAnOwnOwnerIsSmall(t *testing.T) { //nolint:paralleltest // measures the heap
	const n, limit = 20_000, 350 + 70
	dir := t.TempDir()
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"id":"mail-%07d","account":"tencent","target":"user%07d@example.com","path":"mail/user%07d","owner":"team-%d"%s}`+"\n",
			i, i, i, i%100, strings.Repeat(" ", 1000))
	}
	write(t, dir, "fleet.jsonl", lines.String())
	lines.Reset()
	mustLoad(t, dir, base) // what is made once
	before := heap()
	cfg := mustLoad(t, dir, base+"include: [fleet.jsonl]\n")
	if used := (heap() - before) / n; used > limit {
		t.Errorf("a credential with an owner takes %d bytes, want at most %d", used, limit)
	}
	runtime.KeepAlive(cfg)
}

// TestANewConfigurationCostsLittleBesideTheOneBefore: both are in memory until the new one is in force. It must not run
// beside other tests, whose memory would count.
func TestANewConfigurationCostsLittleBesideTheOneBefore(t *testing.T) { //nolint:paralleltest // measures the heap
	const n = 20_000
	for what, c := range map[string]struct {
		changed string
		limit   uint64 // bytes for a credential
	}{
		"nothing changed":                {base, 60},
		"the schedule of all is another": {strings.Replace(base, "every: 30d", "every: 31d", 1), 190},
	} {
		dir := t.TempDir()
		writeFleet(t, dir, n)
		first := mustLoad(t, dir, base+"include: [fleet.jsonl]\n")
		again := make(chan os.Signal)
		calls := watch(t, first, again)
		before := heap()
		write(t, dir, "keyturn.yaml", c.changed+"include: [fleet.jsonl]\n")
		o := next(t, calls)
		if o.err != nil || o.cfg.Len() != n {
			t.Fatal(o)
		}
		if used := (heap() - before) / n; used > c.limit {
			t.Errorf("%s: a credential takes %d bytes more, want at most %d", what, used, c.limit)
		}
		runtime.KeepAlive(first)
		runtime.KeepAlive(o.cfg)
	}
}

// BenchmarkLoad loads a fleet from JSON Lines and reports what a credential costs.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(map[int]string{1_000: "1k", 1_000_000: "1m"}[n], func(b *testing.B) {
			dir := b.TempDir()
			writeFleet(b, dir, n)
			before := heap()
			for b.Loop() {
				cfg := mustLoad(b, dir, base+"include: [fleet.jsonl]\n")
				b.StopTimer()
				b.ReportMetric(float64(heap()-before)/float64(cfg.Len()), "heap-B/credential")
				runtime.KeepAlive(cfg)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/credential")
		})
	}
}

// heap returns the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
