package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"keyturn/internal/observe"
	"keyturn/internal/operate"
)

func keysCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "management keys of accounts"}
	cmd.AddCommand(keysTestCommand(o))
	return cmd
}

func keysTestCommand(o *options) *cobra.Command {
	account, format := "", ""
	cmd := &cobra.Command{
		Use:   "test --account ACCOUNT",
		Short: "try the management keys of an account with a call that changes nothing",
		Long: "Test reads the management keys of an account as they are now, and asks its provider something that changes nothing:\n" +
			"which identities there are, or whether a password works. Not every provider has such a call. It exits with status 1\n" +
			"unless the keys were accepted.",
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			if account == "" {
				return usageError{errors.New("name an account with --account")}
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if cfg.Accounts[account] == nil { // before anything is connected to
				return usageError{fmt.Errorf("--account %s: no such account", account)}
			}
			d, done, err := ownDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			test, err := d.TestKeys(cmd.Context(), account)
			if err != nil {
				return err
			}
			return printKeyTest(cmd.OutOrStdout(), format, test)
		}),
	}
	cmd.Flags().StringVar(&account, "account", "", "account whose keys are tried")
	formatFlag(cmd, &format)
	return cmd
}

var errKeys = errors.New("the keys were not accepted")

func printKeyTest(out io.Writer, format string, test operate.KeyTest) error {
	var err error
	if format == "json" {
		err = json.NewEncoder(out).Encode(test)
	} else {
		_, err = fmt.Fprintf(out, "%s (%s): %s: %s\n", test.Account, test.Provider, test.Result, observe.Printable(test.Detail))
	}
	if err == nil && test.Result != operate.KeysAccepted {
		err = errKeys
	}
	return err
}
