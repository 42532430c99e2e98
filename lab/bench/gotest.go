package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"keyturn/internal/devenv"
)

// benchmark runs Go benchmarks of a package and returns the median of each metric, by benchmark and unit. They measure
// what only a test inside the package can reach.
func benchmark(ctx context.Context, dir, pattern, span string) (map[string]map[string]float64, error) {
	root, err := devenv.Root()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", span, //nolint:gosec // our own arguments
		"-benchmem", "-count", strconv.Itoa(runs), "-timeout", "30m", dir)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test -bench %s %s: %w\n%s", pattern, dir, err, out)
	}
	return parse(string(out)), nil
}

func parse(out string) map[string]map[string]float64 {
	values := map[string]map[string][]float64{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i] // the number of CPUs
		}
		if values[name] == nil {
			values[name] = map[string][]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				values[name][fields[i+1]] = append(values[name][fields[i+1]], v)
			}
		}
	}
	medians := map[string]map[string]float64{}
	for name, units := range values {
		medians[name] = map[string]float64{}
		for unit, v := range units {
			medians[name][unit] = median(v)
		}
	}
	return medians
}

// scheduling measures the index of due times.
func scheduling(ctx context.Context, _ *lab) error {
	found, err := benchmark(ctx, "./internal/due", "Fleet", "1x")
	if err != nil {
		return err
	}
	m := found["Fleet/1000000"]
	report("schedule_idle_tick_p99_ms", m["idle-tick-p99-ms"], "ms")
	report("schedule_claim1000_p99_ms", m["claim1000-p99-ms"], "ms")
	report("schedule_rebuild_1m_s", m["rebuild-s"], "s")
	report("redis_bytes_per_credential", m["redis-B/credential"], "B")
	for _, size := range []string{"1000", "10000", "100000", "1000000"} {
		report("growth_tick_"+size+"_p99_ms", found["Fleet/"+size]["idle-tick-p99-ms"], "ms")
	}
	return nil
}

// micro measures the pure parts of a rotation.
func micro(ctx context.Context, _ *lab) error {
	for _, part := range []struct{ dir, pattern string }{
		{"./internal/policy", "Generate"}, {"./internal/providers/signature", "."}, {"./internal/schedule", "Next"},
	} {
		found, err := benchmark(ctx, part.dir, part.pattern, "200ms")
		if err != nil {
			return err
		}
		for _, name := range sorted(found) {
			figure := strings.ToLower(strings.NewReplacer("/", "_", "-", "_").Replace(name))
			report(figure+"_ns", found[name]["ns/op"], "ns")
			report(figure+"_allocs", found[name]["allocs/op"], "allocs")
		}
	}
	return nil
}
