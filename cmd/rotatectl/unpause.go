package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"keyturn/internal/operate"
)

func unpauseCommand(o *options) *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "unpause ACCOUNT...",
		Short: "let accounts work again that a provider's answer or a person paused",
		Long: "Unpause ends what holds all work of an account back: the wait that a provider's answer asked for (429 with\n" +
			"Retry-After), which may have been meant otherwise, and a queue that a person paused with asynq's tools. Jobs that\n" +
			"wait run at once. The next 429 pauses the account again; an open breaker stays open.",
		Args: cobra.MinimumNArgs(1),
		RunE: runs(func(cmd *cobra.Command, accounts []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			var unknown *operate.AccountError
			if err := operate.For(cfg).KnownAccounts(accounts...); errors.As(err, &unknown) { // before anything is connected to
				return usageError{fmt.Errorf("account %s is not in the configuration", unknown.Name)}
			}
			d, done, err := redisDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			all, err := d.Unpause(cmd.Context(), accounts)
			return errors.Join(printUnpaused(cmd.OutOrStdout(), format, all), err)
		}),
	}
	formatFlag(cmd, &format)
	return cmd
}

// printUnpaused says what held each account back, and how much goes on.
func printUnpaused(out io.Writer, format string, all []operate.Unpaused) error {
	if format == "json" {
		return json.NewEncoder(out).Encode(all)
	}
	for _, u := range all {
		held := "nothing held it back"
		switch {
		case u.Until != nil && u.Stopped:
			held = "lifted the provider's pause until " + stamp(*u.Until) + " and a person's pause of its queue"
		case u.Until != nil:
			held = "lifted the provider's pause until " + stamp(*u.Until)
		case u.Stopped:
			held = "lifted a person's pause of its queue"
		}
		if _, err := fmt.Fprintf(out, "%s: %s; jobs that waited and run now: %d\n", u.Account, held, u.Woken); err != nil {
			return err
		}
	}
	return nil
}
