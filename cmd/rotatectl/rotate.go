package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/wiring"
)

func rotateCommand(o *options) *cobra.Command {
	var wait bool
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "rotate ID...",
		Short: "rotate credentials now, through the queue",
		Long: "Rotate asks the workers to rotate the named credentials before any scheduled work. With --wait it follows them\n" +
			"and exits with status 1 unless every one was rotated.",
		Args: cobra.MinimumNArgs(1),
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
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
			r := &demands{client: queue.NewClient(rdb), out: cmd.OutOrStdout()}
			if err := r.ask(cmd.Context(), creds); err != nil || !wait {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), limit)
			defer cancel()
			return r.follow(ctx)
		}),
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "follow the rotations until they end")
	cmd.Flags().DurationVar(&limit, "timeout", 5*time.Minute, "how long to follow them")
	return cmd
}

// demands are rotations that a person asked for.
type demands struct {
	client *queue.Client
	out    io.Writer
	open   []demand
}

type demand struct {
	cred *rotation.Credential
	slot time.Time
	last queue.Outcome
}

func (d *demands) ask(ctx context.Context, creds []*rotation.Credential) error {
	for _, cred := range creds {
		slot, err := d.client.Demand(ctx, cred.Account, queue.KindRotate, cred.ID, requester())
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

// requester is who asks, for people.
func requester() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "rotatectl"
}

// follow waits until every demand has ended.
func (d *demands) follow(ctx context.Context) error {
	bar := newBar(len(d.open), "rotating", true)
	var problems []error
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for len(d.open) > 0 {
		waiting := d.open[:0]
		for _, w := range d.open {
			now, err := d.client.Outcome(ctx, w.cred.Account, queue.KindRotate, w.cred.ID)
			if err == nil && !now.Slot.Before(w.slot) {
				w.last = now
			}
			if !w.last.Final {
				waiting = append(waiting, w)
				continue
			}
			if err := bar.Add(1); err != nil {
				return err
			}
			if err := d.report(w); err != nil {
				problems = append(problems, err)
			}
		}
		d.open = waiting
		select {
		case <-ctx.Done():
			return errors.Join(append(problems, d.unfinished()...)...)
		case <-ticker.C:
		}
	}
	return errors.Join(problems...)
}

func (d *demands) report(w demand) error {
	switch w.last.Status {
	case rotation.Done.String():
	case rotation.Ended.String():
		return fmt.Errorf("%s: quarantined: see `rotatectl status %s`", w.cred.ID, w.cred.ID)
	default:
		return fmt.Errorf("%s: %s", w.cred.ID, w.said())
	}
	if !w.last.Rotated {
		_, err := fmt.Fprintf(d.out, "%s: no new password came of this: it has been rotated since for another request, or Redis's clock went back\n", w.cred.ID)
		return err
	}
	_, err := fmt.Fprintf(d.out, "%s: rotated after %s\n", w.cred.ID, w.last.At.Sub(w.slot).Round(time.Millisecond))
	return err
}

// said is what the last run said. Its text begins with what became of the run, which the job's status may go beyond.
func (w demand) said() string {
	if strings.HasPrefix(w.last.Text, w.last.Status) {
		return w.last.Text
	}
	return w.last.Status + ": " + w.last.Text
}

func (d *demands) unfinished() []error {
	problems := make([]error, 0, len(d.open))
	for _, w := range d.open {
		state := "no worker has taken it yet"
		if w.last.Status != "" {
			state = w.said()
		}
		problems = append(problems, fmt.Errorf("%s: still open (%s); it goes on without rotatectl", w.cred.ID, state))
	}
	return problems
}
