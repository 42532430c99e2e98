package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/operate"
)

func deliveriesCommand(o *options) *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "deliveries",
		Short: "show what webhooks, commands and workloads are still to be told",
		Long: "Deliveries counts, for each webhook of the configuration and for each command and restart that notify names, the events that\n" +
			"are still to be told, and lists those that were given up: because they could not be delivered for a day, or because the\n" +
			"receiver answered 410 Gone.",
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			d, done, err := redisDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			all, err := d.Deliveries(cmd.Context(), app.Sinks(cfg))
			if err != nil {
				return err
			}
			return printDeliveries(cmd.OutOrStdout(), format, all)
		}),
	}
	formatFlag(cmd, &format)
	cmd.AddCommand(resendCommand(o))
	return cmd
}

func resendCommand(o *options) *cobra.Command {
	all, format := false, ""
	cmd := &cobra.Command{
		Use:   "resend TO [EVENT...]",
		Short: "try again to deliver what was given up",
		Long: "Resend has events that were given up tried once more: those of the ids that `rotatectl deliveries` shows, or all of them. One\n" +
			"that fails and is older than a day is given up again.",
		Args: cobra.MinimumNArgs(1),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			to, ids := args[0], args[1:]
			if all == (len(ids) > 0) {
				return usageError{errors.New("name events, or give --all")}
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if err := knownSink(cfg, to); err != nil {
				return err
			}
			d, done, err := redisDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			n, err := d.Resend(cmd.Context(), to, ids...)
			return errors.Join(err, printResent(cmd.OutOrStdout(), format, to, n))
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "all that were given up")
	formatFlag(cmd, &format)
	return cmd
}

func knownSink(cfg *config.Config, to string) error {
	if sinks := app.Sinks(cfg); !slices.Contains(sinks, to) {
		return usageError{fmt.Errorf("%s: nothing of that name is told anything: there is %s", to, strings.Join(sinks, ", "))}
	}
	return nil
}

func printResent(out io.Writer, format, to string, n int) error {
	if format == "json" {
		return json.NewEncoder(out).Encode(struct {
			To      string `json:"to"`
			Waiting int    `json:"tried_again"`
		}{to, n})
	}
	_, err := fmt.Fprintf(out, "%s: events that are tried again: %d\n", to, n)
	return err
}

func printDeliveries(out io.Writer, format string, all []operate.Delivery) error {
	if format == "json" {
		return json.NewEncoder(out).Encode(all)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "The configuration has no webhooks and no notify: see docs/notify.md.")
		return err
	}
	for _, d := range all {
		if _, err := fmt.Fprintf(out, "%s: waiting: %d, given up: %d\n", d.To, d.Waiting, len(d.Dead)); err != nil {
			return err
		}
		for _, one := range d.Dead {
			if _, err := fmt.Fprintf(out, "  %s  %-22s  %-24s  %s\n", stamp(one.Since), one.Event, one.About, one.Cause); err != nil {
				return err
			}
		}
	}
	return nil
}
