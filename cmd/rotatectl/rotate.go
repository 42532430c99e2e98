package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/observe"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/wiring"
)

func rotateCommand(o *options) *cobra.Command {
	r := &rotate{}
	cmd := &cobra.Command{
		Use:   "rotate ID... | rotate --all --account ACCOUNT",
		Short: "rotate credentials now, through the queue",
		Long: "Rotate asks the workers to rotate the named credentials before any scheduled work. With --wait it follows them\n" +
			"and exits with status 1 unless every one was rotated. With --all it asks for every credential of an account, a\n" +
			"tenth slower than the account's rate, and stays until the last was asked for.",
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if err := r.check(ids); err != nil {
				return err
			}
			if r.all {
				return r.runAll(cmd, o)
			}
			return r.runSome(cmd, o, ids)
		}),
	}
	cmd.Flags().BoolVar(&r.wait, "wait", false, "follow the rotations until they end")
	cmd.Flags().DurationVar(&r.timeout, "timeout", 5*time.Minute, "how long to follow them; with --all, how long to wait for the next one to end")
	cmd.Flags().BoolVar(&r.all, "all", false, "every credential of --account")
	cmd.Flags().StringVar(&r.account, "account", "", "`ACCOUNT` that --all means")
	cmd.Flags().StringVar(&r.after, "after", "", "with --all, begin after this `ID`: where an earlier one was interrupted")
	cmd.Flags().BoolVar(&r.yes, "yes", false, "with --all, do not ask for confirmation")
	return cmd
}

// rotate is what the command was asked to do.
type rotate struct {
	wait, all, yes bool
	timeout        time.Duration
	account, after string
}

func (r *rotate) check(ids []string) error {
	var wrong string
	switch {
	case !r.all && (r.account != "" || r.after != "" || r.yes):
		wrong = "--account, --after and --yes go with --all"
	case !r.all && len(ids) == 0:
		wrong = "requires at least 1 arg, or --all --account ACCOUNT"
	case r.all && len(ids) > 0:
		wrong = "--all goes without ids"
	case r.all && r.account == "":
		wrong = "--all needs --account"
	default:
		return nil
	}
	return usageError{errors.New(wrong)}
}

func (r *rotate) runSome(cmd *cobra.Command, o *options, ids []string) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	creds, err := credentials(cfg, ids)
	if err != nil {
		return err
	}
	rdb, err := wiring.Redis(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	defer rdb.Close()
	d := &demands{queue: queue.NewClient(rdb), out: cmd.OutOrStdout()}
	if err := d.ask(cmd.Context(), creds); err != nil || !r.wait {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), r.timeout)
	defer cancel()
	return d.follow(ctx)
}

// demander is what a demand needs of the queue.
type demander interface {
	Demand(ctx context.Context, account string, kind queue.Kind, id, requestedBy string) (time.Time, error)
	Outcomes(ctx context.Context, kind queue.Kind, creds []*rotation.Credential) ([]queue.Outcome, error)
	Depths(ctx context.Context, accounts ...string) ([]queue.Depth, error)
}

// demands are rotations that a person asked for.
type demands struct {
	queue demander
	out   io.Writer
	open  []demand
}

type demand struct {
	cred *rotation.Credential
	slot time.Time
	last queue.Outcome
}

func (d *demands) ask(ctx context.Context, creds []*rotation.Credential) error {
	for _, cred := range creds {
		slot, err := d.queue.Demand(ctx, cred.Account, queue.KindRotate, cred.ID, requester())
		if err != nil {
			return fmt.Errorf("%s: %w", cred.ID, err)
		}
		d.open = append(d.open, demand{cred: cred, slot: slot})
		if _, err := fmt.Fprintf(d.out, "%s: asked for at %s\n", cred.ID, slot.Format(time.RFC3339Nano)); err != nil {
			return err
		}
	}
	return nil
}

// requester is who asks, for people: user@host.
func requester() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

// lookSize bounds how many outcomes are asked for at a time.
const lookSize = 500

// look asks, in one round trip, what became of some demands. Where Redis does not answer it is as if nothing had.
func look(ctx context.Context, from demander, some []demand) (ended, open []demand) {
	creds := make([]*rotation.Credential, len(some))
	for i, d := range some {
		creds[i] = d.cred
	}
	outcomes, err := from.Outcomes(ctx, queue.KindRotate, creds)
	for i, d := range some {
		if err == nil && !outcomes[i].Slot.Before(d.slot) {
			d.last = outcomes[i]
		}
		if d.last.Final {
			ended = append(ended, d)
		} else {
			open = append(open, d)
		}
	}
	return ended, open
}

// follow waits until every demand has ended. It looks at a bounded number at a time, in turns.
func (d *demands) follow(ctx context.Context) error {
	bar := newBar(len(d.open), "rotating", true)
	var problems []error
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for len(d.open) > 0 {
		n := min(lookSize, len(d.open))
		ended, open := look(ctx, d.queue, d.open[:n])
		d.open = append(d.open[n:], open...)
		for _, w := range ended {
			if err := bar.Add(1); err != nil {
				return err
			}
			if err := d.report(w); err != nil {
				problems = append(problems, err)
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(append(problems, d.unfinished()...)...)
		case <-ticker.C:
		}
	}
	return errors.Join(problems...)
}

func (d *demands) report(w demand) error {
	if err := w.problem(); err != nil {
		return err
	}
	if !w.last.Rotated {
		_, err := fmt.Fprintf(d.out, "%s: no new password came of this: it has been rotated since for another request, or Redis's clock went back\n", w.cred.ID)
		return err
	}
	_, err := fmt.Fprintf(d.out, "%s: rotated after %s\n", w.cred.ID, w.last.At.Sub(w.slot).Round(time.Millisecond))
	return err
}

// problem is why a demand that has ended was not served; nil if it was.
func (w demand) problem() error {
	switch w.last.Status {
	case rotation.Done.String():
		return nil
	case rotation.Ended.String():
		return fmt.Errorf("%s: quarantined: see `rotatectl status %s`", w.cred.ID, w.cred.ID)
	default:
		return fmt.Errorf("%s: %s", w.cred.ID, w.said())
	}
}

// said is what the last run said. Its text begins with what became of the run, which the job's status may go beyond.
func (w demand) said() string {
	return observe.Printable(plain(w.last.Status + ": " + w.last.Text))
}

func (d *demands) unfinished() []error {
	problems := make([]error, 0, len(d.open))
	for _, w := range d.open {
		problems = append(problems, w.unfinished())
	}
	return problems
}

func (w demand) unfinished() error {
	state := "no worker has taken it yet"
	if w.last.Status != "" {
		state = w.said()
	}
	return fmt.Errorf("%s: still open (%s); it goes on without rotatectl", w.cred.ID, state)
}
