package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv"
)

const (
	turns      = 4   // of pipeline and floors in one run, so that whatever else the machine does meets them alike
	turnSize   = 500 // rotations of each at its turn
	scriptSize = 300 // of the script, which is slow
)

// result is what one run gave.
type result struct {
	pipeline, floor, lean tally
	script                float64 // rotations a second

	// Of the pipeline, in all.
	vaultCalls, redisCommands, redisWaits int64
	busy                                  time.Duration
}

// tally is what some rotations took.
type tally struct {
	n     int
	took  time.Duration
	spent usage
}

// usage is CPU time in ms: ours, Vault's, Redis's and the sandbox's.
type usage [4]float64

var users = [4]string{"worker", "vault", "redis", "sandbox"}

func (t tally) rate() float64 { return perSecond(t.n, t.took) }

// cpu is the CPU time of one rotation in ms.
func (t tally) cpu() (sum float64) {
	for _, spent := range t.spent {
		sum += spent
	}
	return sum / float64(t.n)
}

func (r *result) each(total int64) float64 { return float64(total) / float64(r.pipeline.n) }

// used is the CPU time that each has used so far.
func (r *rig) used() (u usage, err error) {
	for i, pid := range []int{os.Getpid(), r.lab.Vault.PID(), r.server.PID(), r.box.PID()} {
		t, err := cpuTime(pid)
		if err != nil {
			return u, err
		}
		u[i] = ms(t)
	}
	return u, nil
}

// add measures a turn that do makes.
func (r *rig) add(t *tally, do func() error) error {
	before, err := r.used()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := do(); err != nil {
		return err
	}
	t.took += time.Since(start)
	t.n += turnSize
	after, err := r.used()
	for i := range after {
		t.spent[i] += after[i] - before[i]
	}
	return err
}

// ofRuns is a figure of several runs, of which the median is printed.
type ofRuns struct {
	name, unit string
	of         func(*result) float64
}

func medians(all []result) func(pick func(*result) float64) float64 {
	return func(pick func(*result) float64) float64 {
		values := make([]float64, len(all))
		for i := range all {
			values[i] = pick(&all[i])
		}
		return median(values)
	}
}

var pipelineFigures = []ofRuns{
	{"pipeline_rotations_per_s", "1/s", func(r *result) float64 { return r.pipeline.rate() }},
	{"floor_rotations_per_s", "1/s", func(r *result) float64 { return r.floor.rate() }},
	{"pipeline_share", "ratio", func(r *result) float64 { return r.pipeline.rate() / r.floor.rate() }},
	{"pipeline_cpu_share", "ratio", func(r *result) float64 { return r.floor.cpu() / r.pipeline.cpu() }},
	{"floor_without_journal_read_rotations_per_s", "1/s", func(r *result) float64 { return r.lean.rate() }},
	{"pipeline_share_without_journal_read", "ratio", func(r *result) float64 { return r.pipeline.rate() / r.lean.rate() }},
	{"pipeline_cpu_share_without_journal_read", "ratio", func(r *result) float64 { return r.lean.cpu() / r.pipeline.cpu() }},
	{"script_rotations_per_s", "1/s", func(r *result) float64 { return r.script }},
	{"pipeline_vs_script", "ratio", func(r *result) float64 { return r.pipeline.rate() / r.script }},
	{"vault_calls_per_rotation", "calls", func(r *result) float64 { return r.each(r.vaultCalls) }},
	{"redis_round_trips_per_rotation", "round-trips", func(r *result) float64 { return r.each(r.redisWaits) }},
	{"redis_commands_per_rotation", "commands", func(r *result) float64 { return r.each(r.redisCommands) }},
	{"pipeline_in_flight", "rotations", func(r *result) float64 { return r.busy.Seconds() / r.pipeline.took.Seconds() }},
}

// pipeline compares keyturn with the calls that no rotation can do without, at the same concurrency, and with a script
// that makes them for one credential after the other.
func pipeline(ctx context.Context, l *lab) (err error) {
	all := make([]result, runs)
	if l.profile != "" {
		file, err := os.Create(l.profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	for i := range all {
		if all[i], err = l.compare(ctx, l.Box, scriptSize); err != nil {
			return err
		}
	}
	of := medians(all)
	for _, f := range pipelineFigures {
		report(f.name, of(f.of), f.unit)
	}
	for i, who := range users {
		report("pipeline_cpu_"+who+"_ms", of(func(r *result) float64 { return r.pipeline.spent[i] / float64(r.pipeline.n) }), "ms")
		report("floor_cpu_"+who+"_ms", of(func(r *result) float64 { return r.floor.spent[i] / float64(r.floor.n) }), "ms")
	}
	return nil
}

// compare lets each take its turns at the provider of a sandbox, and then the script, for so many credentials.
func (l *lab) compare(ctx context.Context, box *devenv.Sandbox, script int) (got result, err error) {
	const size = 3 * turns * turnSize
	r, err := l.rig(ctx, plan{size: size + script, box: box})
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.prepare(ctx, size+script); err != nil {
		return got, err
	}
	atOnce := r.cfg.Accounts[r.account(0)].Concurrency
	bare := newFloor(r, atOnce)
	for first := 0; first < size; first += 3 * turnSize {
		if err := r.throughput(ctx, first, &got); err != nil {
			return got, err
		}
		for i, t := range []*tally{&got.floor, &got.lean} {
			bare.readJournal = t == &got.floor
			begin := first + (1+i)*turnSize
			if err := r.add(t, func() error { return bare.run(ctx, begin, begin+turnSize, atOnce) }); err != nil {
				return got, err
			}
		}
	}
	start := time.Now()
	err = bare.run(ctx, size, size+script, 1)
	got.script = perSecond(script, time.Since(start))
	return got, err
}

// throughput lets the worker at a full queue and measures until it is empty.
func (r *rig) throughput(ctx context.Context, first int, got *result) error {
	if err := r.enqueue(ctx, first, first+turnSize); err != nil {
		return err
	}
	commands, err := countCommands(ctx, r.rdb)
	if err != nil {
		return err
	}
	calls, waits, busy := r.probe.calls.Load(), r.trips.n.Load(), r.busy.Load()
	err = r.add(&got.pipeline, func() error {
		r.start(ctx)
		return r.await(ctx, turnSize)
	})
	if err := errors.Join(err, r.halt()); err != nil {
		return err
	}
	got.vaultCalls += r.probe.calls.Load() - calls
	got.redisWaits += r.trips.n.Load() - waits
	got.busy += time.Duration(r.busy.Load() - busy)
	after, err := countCommands(ctx, r.rdb)
	got.redisCommands += after - commands
	return err
}

var commandCalls = regexp.MustCompile(`^cmdstat_[^:]+:calls=(\d+)`)

// countCommands is how many commands Redis has carried out, those within scripts included.
func countCommands(ctx context.Context, rdb redis.UniversalClient) (total int64, err error) {
	info, err := rdb.Info(ctx, "commandstats").Result()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(info) {
		if m := commandCalls.FindStringSubmatch(line); m != nil {
			n, err := strconv.ParseInt(m[1], 10, 64)
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}
