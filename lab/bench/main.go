// Command bench measures keyturn with a real Redis, a real Vault and the sandbox of provider APIs, and prints a line
// "bench NAME VALUE UNIT" for each figure. docs/performance.md says what the figures mean.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"keyturn/internal/devenv"
)

func main() { devenv.Main("bench", run) }

// section is a group of figures that are measured together.
type section struct {
	name    string
	measure func(context.Context, *lab) error
}

var sections = []section{
	{"pipeline", pipeline},
	{"distant", distant},
	{"tracing", tracingCost},
	{"exposure", exposure},
	{"ondemand", onDemand},
	{"idle", idle},
	{"schedule", scheduling},
	{"memory", memory},
	{"console", pages},
	{"plan", forecasts},
	{"limit", limit},
	{"growth", growth},
	{"micro", micro},
}

// runs is how often a figure is measured whose median is printed.
const runs = 3

func run(ctx context.Context) (err error) {
	only := flag.String("only", "", "comma-separated `SECTIONS` of "+names())
	profile := flag.String("profile", "", "write a CPU profile of the pipeline's runs to `FILE`")
	flag.Parse()
	chosen := strings.Split(*only, ",")
	l, err := open(ctx)
	if err != nil {
		return err
	}
	l.profile = *profile
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.describe(); err != nil {
		return err
	}
	for _, s := range sections {
		if *only != "" && !slices.Contains(chosen, s.name) {
			continue
		}
		fmt.Println("#", s.name)
		if err := s.measure(ctx, l); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func names() string {
	all := make([]string, len(sections))
	for i, s := range sections {
		all[i] = s.name
	}
	return strings.Join(all, ", ")
}
