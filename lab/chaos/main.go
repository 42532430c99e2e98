// Command chaos is harder on keyturn than an outage: it runs it as real processes on a real Redis and a real Vault,
// kills, pauses, empties, seals and cuts all of them while a fleet rotates, and then proves that every password in Vault
// is the live one. The schedule of faults follows from a seed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"keyturn/internal/devenv"
)

func main() { devenv.Main("chaos", run) }

func run(ctx context.Context) (err error) {
	rotations := flag.Int("rotations", 200, "how many rotations to disturb")
	seed := flag.Uint64("seed", 1, "the seed of the schedule of faults")
	showPlan := flag.Bool("plan", false, "print the schedule of faults and run nothing")
	keep := flag.Bool("keep", false, "leave the logs where they are, as after a run that did not succeed")
	flag.Parse()
	if *rotations < 1 || flag.NArg() > 0 {
		return errors.New("usage: chaos [-rotations N] [-seed S] [-plan] [-keep]")
	}
	events := plan(*rotations, *seed)
	if *showPlan {
		for _, e := range events {
			fmt.Println(e)
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "keyturn-chaos-")
	if err != nil {
		return err
	}
	fmt.Printf("chaos: seed %d, %d faults in %d rotations; logs, configuration and the timeline are in %s\n", *seed, len(events), *rotations, dir)
	s, err := raise(ctx, dir)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.strike())
		if err == nil && !*keep {
			err = os.RemoveAll(dir)
		}
	}()
	tally, err := s.disturb(ctx, *rotations, events)
	if err != nil {
		return err
	}
	if err := s.calm(ctx, tally); err != nil {
		return err
	}
	return s.judge(ctx, tally)
}
