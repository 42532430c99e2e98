package main

import (
	"context"
	"errors"
)

// distantScript is of how many credentials the script is measured: it makes one call after the other.
const distantScript = 100

var distantFigures = []ofRuns{
	{"pipeline_at_50ms_rotations_per_s", "1/s", func(r *result) float64 { return r.pipeline.rate() }},
	{"floor_at_50ms_rotations_per_s", "1/s", func(r *result) float64 { return r.floor.rate() }},
	{"pipeline_at_50ms_share", "ratio", func(r *result) float64 { return r.pipeline.rate() / r.floor.rate() }},
	{"script_at_50ms_rotations_per_s", "1/s", func(r *result) float64 { return r.script }},
	{"pipeline_at_50ms_vs_script", "ratio", func(r *result) float64 { return r.pipeline.rate() / r.script }},
	{"pipeline_at_50ms_in_flight", "rotations", func(r *result) float64 { return r.busy.Seconds() / r.pipeline.took.Seconds() }},
}

// distant is pipeline with a provider that answers after 30 to 70 ms, as real ones do. The script is then what rotates one
// credential after the other, and waits for each.
func distant(ctx context.Context, l *lab) (err error) {
	box, err := l.StartSandbox(ctx, "-rate", provider+"=0", "-delay", "30ms", "-jitter", "40ms")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Stop()) }()
	all := make([]result, runs)
	for i := range all {
		if all[i], err = l.compare(ctx, box, distantScript); err != nil {
			return err
		}
	}
	of := medians(all)
	for _, f := range distantFigures {
		report(f.name, of(f.of), f.unit)
	}
	return nil
}
