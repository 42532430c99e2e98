package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"keyturn/internal/observe"
	"keyturn/internal/operate"
)

func contactsCommand(o *options) *cobra.Command {
	r, format := operate.ContactsRequest{By: requester()}, ""
	cmd := &cobra.Command{
		Use:   "verify-contacts ADDRESS...",
		Short: "ask contacts to confirm their addresses now",
		Long: "Verify-contacts asks the provider to mail a confirmation link to each address, and shows what became of each. It\n" +
			"exits with status 1 if any failed. Addresses under verifications in the configuration are asked for on schedule.",
		Args: cobra.MinimumNArgs(1),
		RunE: runs(func(cmd *cobra.Command, addresses []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			r.Addresses = addresses
			if _, err := operate.For(cfg).Contacts(r); err != nil { // before anything is connected to
				return ofContacts(r, err)
			}
			d, done, err := ownDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			all, err := d.VerifyContacts(cmd.Context(), r)
			if err != nil {
				return err
			}
			return printContacts(cmd.OutOrStdout(), format, all)
		}),
	}
	cmd.Flags().StringVar(&r.Account, "account", "", "account to ask through, if there are several")
	formatFlag(cmd, &format)
	return cmd
}

// ofContacts names the flag that an error is about.
func ofContacts(r operate.ContactsRequest, err error) error {
	switch {
	case errors.Is(err, operate.ErrSeveral):
		return usageError{fmt.Errorf("%w with --account", err)}
	case r.Account != "" && operate.KindOf(err) == operate.Absent:
		return usageError{fmt.Errorf("--account %w", err)}
	}
	return err
}

var errContacts = errors.New("not every address was mailed")

func printContacts(out io.Writer, format string, all []operate.Contact) error {
	if format == "json" {
		if err := json.NewEncoder(out).Encode(all); err != nil {
			return err
		}
	} else if err := contactsTable(out, all); err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(c operate.Contact) bool { return !c.Result.Good() }) {
		return errContacts
	}
	return nil
}

func contactsTable(out io.Writer, all []operate.Contact) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ADDRESS\tRESULT\tCODE")
	for _, c := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Address, c.Result, observe.Printable(c.Code))
	}
	return w.Flush()
}
