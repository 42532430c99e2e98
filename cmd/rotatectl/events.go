package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/config"
	"keyturn/internal/duration"
	"keyturn/internal/observe"
	"keyturn/internal/operate"
)

// watching is what events was asked to show.
type watching struct {
	query operate.EventQuery
	filing
	since  string
	format string
}

// sinceStart asks for all events that are kept.
const sinceStart = "start"

func eventsCommand(o *options) *cobra.Command {
	v := &watching{}
	cmd := &cobra.Command{
		Use:   "events [ID...]",
		Short: "show what happened: rotations, quarantines, and what a person should know",
		Long: "Events reads from Redis what workers and schedulers noted, the oldest first. The last 100,000 or so are kept, until Redis\n" +
			"is emptied; Vault's journals have the last rotation of each credential.",
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if err := checkFormat(v.format); err != nil {
				return err
			}
			v.query.IDs = ids
			marks, err := v.marks()
			if err != nil {
				return err
			}
			v.query.Marks = marks
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if _, err := v.from(time.Now()); err != nil { // before anything is connected to
				return err
			}
			v.warn(cfg, cmd.ErrOrStderr())
			d, done, err := redisDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			return v.show(cmd.Context(), d, cmd.OutOrStdout(), cmd.ErrOrStderr())
		}),
	}
	cmd.Flags().StringVar(&v.since, "since", "", "begin with what happened at this `TIME` (RFC 3339), or so long ago (12h, 7d), or at the start of what is kept: "+
		sinceStart+" (default 24h; with --follow, now)")
	cmd.Flags().BoolVarP(&v.query.Follow, "follow", "f", false, "go on with what happens, until interrupted")
	cmd.Flags().StringSliceVar(&v.query.Types, "type", nil, "only events of this `TYPE`, "+strings.Join(operate.EventTypes(), ", ")+"; may be repeated")
	cmd.Flags().StringSliceVar(&v.query.Accounts, "account", nil, "only events of this `ACCOUNT`; may be repeated")
	v.flags(cmd)
	formatFlag(cmd, &v.format)
	return cmd
}

// from is when the first event may have happened.
func (v *watching) from(now time.Time) (time.Time, error) {
	text := v.since
	switch {
	case text == "" && v.query.Follow:
		return now, nil
	case text == sinceStart:
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	ago, err := duration.Parse(cmp.Or(text, "24h"))
	if err != nil {
		return now, usageError{fmt.Errorf("--since %s: want a time such as 2026-01-31T15:04:05Z, a duration such as 12h or 7d, or %s", text, sinceStart)}
	}
	return now.Add(-ago), nil
}

// warn tells of what the configuration does not have. It may have had it when the events happened.
func (v *watching) warn(cfg *config.Config, out io.Writer) {
	for _, id := range v.query.IDs {
		if _, ok := cfg.Credential(id); !ok {
			fmt.Fprintf(out, "%s: not in the configuration, or not any more\n", observe.Printable(id))
		}
	}
	for _, name := range v.query.Accounts {
		if cfg.Accounts[name] == nil {
			fmt.Fprintf(out, "account %s: not in the configuration, or not any more\n", observe.Printable(name))
		}
	}
}

func (v *watching) show(ctx context.Context, d *operate.Desk, out, notes io.Writer) error {
	now, err := d.Queue.Now(ctx)
	if err != nil {
		return err
	}
	if v.query.Since, err = v.from(now); err != nil {
		return err
	}
	line := eventLine
	if v.format == "json" {
		line = eventJSON
	}
	begins, err := d.Events(ctx, v.query, func(e operate.Event) error { return line(out, e) },
		func(err error) { fmt.Fprintf(notes, "waiting for redis: %v\n", err) })
	if err == nil && v.since != sinceStart && !begins.IsZero() {
		_, err = fmt.Fprintf(notes, "nothing is kept of the time before %s\n", stamp(begins))
	}
	return err
}

func eventJSON(out io.Writer, e operate.Event) error { return json.NewEncoder(out).Encode(e) }

// eventLine is an event for people.
func eventLine(out io.Writer, e operate.Event) error {
	var parts []string
	for _, part := range []struct{ name, text string }{
		{"", e.Why}, {"", e.Reason}, {"verified ", e.Verified}, {"requested by ", e.AskedBy},
	} {
		if part.text != "" {
			parts = append(parts, part.name+part.text)
		}
	}
	if e.Version > 0 {
		parts = append([]string{fmt.Sprintf("version %d", e.Version)}, parts...)
	}
	text := fmt.Sprintf("%s  %-20s  %-24s  %-12s  %s", when(&e.At), e.Type, cmp.Or(e.Credential, e.Server, "-"), cmp.Or(e.Account, "-"), strings.Join(parts, "; "))
	_, err := fmt.Fprintln(out, strings.TrimRight(observe.Printable(text), " "))
	return err
}
