package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"keyturn/internal/config"
	"keyturn/internal/contacts"
	"keyturn/internal/observe"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

func contactsCommand(o *options) *cobra.Command {
	var account, format string
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
			a, err := contactsAccount(cfg, account)
			if err != nil {
				return err
			}
			if addresses, err = canonical(a, addresses); err != nil {
				return err
			}
			e, err := newEngine(cmd.Context(), cfg, vaultkv.ReadWrite)
			if err != nil {
				return err
			}
			defer e.close()
			client, err := e.client(cmd.Context(), a.Name)
			if err != nil {
				return err
			}
			notes, verifier := &onceNotes{}, *e.Contacts
			verifier.Notes = notes
			result := verifier.Verify(cmd.Context(), contacts.Verification{
				Name: "rotatectl", Account: a.Name, Addresses: addresses, Client: client.Contacts,
			}, rotation.Job{Reason: rotation.ReasonDemand})
			if notes.notes == nil {
				return result.Err // the call as a whole
			}
			return printContacts(cmd.OutOrStdout(), format, addresses, notes.notes)
		}),
	}
	cmd.Flags().StringVar(&account, "account", "", "account to ask through, if there are several")
	formatFlag(cmd, &format)
	return cmd
}

// contactsAccount returns the account that verifies contacts.
func contactsAccount(cfg *config.Config, name string) (*config.Account, error) {
	var found []*config.Account
	for _, a := range cfg.Accounts {
		if a.Provider.Mode == rotation.ModeContacts && (name == "" || a.Name == name) {
			found = append(found, a)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case name != "":
		return nil, usageError{fmt.Errorf("--account %s: no such account verifies contacts", name)}
	case len(found) == 0:
		return nil, usageError{errors.New("no account in the configuration verifies contacts")}
	default:
		return nil, usageError{errors.New("several accounts verify contacts: choose one with --account")}
	}
}

// canonical returns the addresses, each once. Its error names every one that is none.
func canonical(a *config.Account, addresses []string) ([]string, error) {
	var all []string
	var problems []error
	for _, given := range addresses {
		address, err := a.Provider.CheckTarget(given)
		switch {
		case err != nil:
			problems = append(problems, usageError{fmt.Errorf("%q: %w", given, err)})
		case !slices.Contains(all, address):
			all = append(all, address)
		}
	}
	return all, errors.Join(problems...)
}

// onceNotes keeps what became of the addresses for as long as the command runs.
type onceNotes struct {
	notes map[string]contacts.Note
}

func (n *onceNotes) Load(context.Context, string, string) (map[string]contacts.Note, error) {
	return nil, nil
}

func (n *onceNotes) Save(_ context.Context, _, _ string, notes map[string]contacts.Note) error {
	n.notes = notes
	return nil
}

var errContacts = errors.New("not every address was mailed")

// contact is what became of one address. Its JSON is part of the command's interface.
type contact struct {
	Address string `json:"address"`
	Result  string `json:"result"`
	Code    string `json:"code,omitempty"` // the provider's
}

func printContacts(out io.Writer, format string, addresses []string, notes map[string]contacts.Note) error {
	all, failed := make([]contact, len(addresses)), false
	for i, address := range addresses {
		n := notes[address]
		all[i] = contact{Address: address, Result: n.State.String(), Code: n.Code}
		if n.NotToday {
			all[i].Result = "not today: its quota is used up"
		}
		failed = failed || n.State == rotation.ContactFailed
	}
	if format == "json" {
		if err := json.NewEncoder(out).Encode(all); err != nil {
			return err
		}
	} else if err := contactsTable(out, all); err != nil {
		return err
	}
	if failed {
		return errContacts
	}
	return nil
}

func contactsTable(out io.Writer, all []contact) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ADDRESS\tRESULT\tCODE")
	for _, c := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Address, c.Result, observe.Printable(c.Code))
	}
	return w.Flush()
}
