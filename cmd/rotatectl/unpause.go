package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/app"
	"keyturn/internal/queue"
	"keyturn/internal/ratelimit"
)

func unpauseCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "unpause ACCOUNT...",
		Short: "let accounts work again that a provider's answer or a person paused",
		Long: "Unpause ends what holds all work of an account back: the wait that a provider's answer asked for (429 with\n" +
			"Retry-After), which may have been meant otherwise, and a queue that a person paused with asynq's tools. Jobs that\n" +
			"wait run at once. The next 429 pauses the account again; an open breaker stays open.",
		Args: cobra.MinimumNArgs(1),
		RunE: runs(func(cmd *cobra.Command, accounts []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			for _, name := range accounts {
				if cfg.Accounts[name] == nil {
					return usageError{fmt.Errorf("account %s is not in the configuration", name)}
				}
			}
			rdb, err := app.Redis(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer rdb.Close()
			client := queue.NewClient(rdb)
			var problems []error
			for _, name := range accounts {
				stopped := client.Paused(cmd.Context(), name)
				until, err := ratelimit.NewPauses(rdb).Lift(cmd.Context(), name)
				if err != nil {
					problems = append(problems, err)
					continue
				}
				woken, err := client.Unpause(cmd.Context(), name)
				if err != nil {
					problems = append(problems, fmt.Errorf("%s: %w", name, err))
					continue
				}
				problems = append(problems, tellUnpaused(cmd.OutOrStdout(), name, until, errors.Is(stopped, queue.ErrPaused), woken))
			}
			return errors.Join(problems...)
		}),
	}
}

// tellUnpaused says what held an account back, and how much goes on.
func tellUnpaused(out io.Writer, account string, until time.Time, stopped bool, woken int) error {
	held := "nothing held it back"
	switch {
	case !until.IsZero() && stopped:
		held = "lifted the provider's pause until " + stamp(until) + " and a person's pause of its queue"
	case !until.IsZero():
		held = "lifted the provider's pause until " + stamp(until)
	case stopped:
		held = "lifted a person's pause of its queue"
	}
	_, err := fmt.Fprintf(out, "%s: %s; jobs that waited and run now: %d\n", account, held, woken)
	return err
}
