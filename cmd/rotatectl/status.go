package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
	"keyturn/internal/vaultkv"
	"keyturn/internal/wiring"
)

// The states of a credential.
const (
	stateHealthy     = "healthy"
	stateWaiting     = "waiting"
	stateRotating    = "rotating"
	stateInDoubt     = "in doubt"
	stateQuarantined = "quarantined"
)

// stateFlags are the states as --state takes them: a flag's value has no space in it.
var stateFlags = []string{stateHealthy, stateWaiting, stateRotating, stateFlag(stateInDoubt), stateQuarantined}

func stateFlag(state string) string { return strings.ReplaceAll(state, " ", "-") }

// page is how many rows a table has unless --limit says otherwise.
const page = 100

// view is what status was asked to show.
type view struct {
	ids, accounts, states []string
	olderThan             string
	limit                 int // 0: all
	after                 string
	format                string

	before time.Time // of --older-than; zero: any age
}

func statusCommand(o *options) *cobra.Command {
	v := &view{}
	cmd := &cobra.Command{
		Use:   "status [ID...]",
		Short: "show the state of credentials, as Vault has it",
		Long: "Status reads the named credentials, or all, from Vault and shows each as soon as it is read, in the order of the\n" +
			"configuration. Filters are combined: all of them must hold. A table without ids ends after a page.",
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			v.ids = ids
			if !cmd.Flags().Changed("limit") && v.format == "table" && len(ids) == 0 {
				v.limit = page
			}
			if err := v.check(wiring.Clock{}.Now()); err != nil {
				return err
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			creds, err := v.chosen(cfg)
			if err != nil {
				return err
			}
			vault, err := wiring.Vault(cmd.Context(), cfg, vaultkv.ReadOnly, warn)
			if err != nil {
				return err
			}
			defer vault.Close()
			return v.show(cmd.Context(), truth{vault}, creds, cmd.OutOrStdout(), cmd.ErrOrStderr())
		}),
	}
	cmd.Flags().StringSliceVar(&v.accounts, "account", nil, "only credentials of this `ACCOUNT`; may be repeated")
	cmd.Flags().StringSliceVar(&v.states, "state", nil, "only credentials in this `STATE`, "+strings.Join(stateFlags, ", ")+"; may be repeated")
	cmd.Flags().StringVar(&v.olderThan, "older-than", "", "only passwords of at least this `AGE`, such as 30d or 12h, and what was never rotated")
	cmd.Flags().IntVar(&v.limit, "limit", 0, fmt.Sprintf("end after `N` rows, 0 for all (default %d for a table without ids)", page))
	cmd.Flags().StringVar(&v.after, "after", "", "begin after this `ID`, the last of the page before")
	cmd.Flags().StringVarP(&v.format, "output", "o", "table", "table or json")
	return cmd
}

// check refuses what no configuration could make sense of.
func (v *view) check(now time.Time) error {
	if v.format != "table" && v.format != "json" {
		return usageError{fmt.Errorf("-o %s: want table or json", v.format)}
	}
	if v.limit < 0 {
		return usageError{fmt.Errorf("--limit %d: want 0 or more", v.limit)}
	}
	if v.after != "" && len(v.ids) > 0 {
		return usageError{fmt.Errorf("--after %s: goes with a list of all credentials, not with ids", v.after)}
	}
	for _, state := range v.states {
		if !slices.Contains(stateFlags, state) {
			return usageError{fmt.Errorf("--state %s: want one of %s", state, strings.Join(stateFlags, ", "))}
		}
	}
	if v.olderThan != "" {
		age, err := schedule.ParseDuration(v.olderThan)
		if err != nil {
			return usageError{fmt.Errorf("--older-than %w", err)}
		}
		v.before = now.Add(-age)
	}
	return nil
}

// chosen are the credentials that Vault is asked about, in the order of the ids or of the configuration.
func (v *view) chosen(cfg *config.Config) (iter.Seq[*rotation.Credential], error) {
	if err := knownAccounts(cfg, v.accounts...); err != nil {
		return nil, err
	}
	if len(v.ids) > 0 {
		creds, err := credentials(cfg, v.ids)
		return ofAccounts(slices.Values(creds), v.accounts), err
	}
	creds, err := after(cfg, v.after)
	return ofAccounts(creds, v.accounts), err
}

// knownAccounts refuses accounts that the configuration does not have.
func knownAccounts(cfg *config.Config, names ...string) error {
	for _, name := range names {
		if cfg.Accounts[name] == nil {
			return usageError{fmt.Errorf("--account %s: want one of %s", name, strings.Join(slices.Sorted(maps.Keys(cfg.Accounts)), ", "))}
		}
	}
	return nil
}

// after are the credentials that stand after one in the configuration; all of them after "".
func after(cfg *config.Config, id string) (iter.Seq[*rotation.Credential], error) {
	if id == "" {
		return cfg.Credentials(), nil
	}
	if _, err := credentials(cfg, []string{id}); err != nil {
		return nil, err
	}
	return func(yield func(*rotation.Credential) bool) {
		found := false
		for cred := range cfg.Credentials() {
			if found && !yield(cred) {
				return
			}
			found = found || cred.ID == id
		}
	}, nil
}

// ofAccounts are those of creds that belong to one of the accounts; all where none is named.
func ofAccounts(creds iter.Seq[*rotation.Credential], accounts []string) iter.Seq[*rotation.Credential] {
	if len(accounts) == 0 {
		return creds
	}
	return func(yield func(*rotation.Credential) bool) {
		for cred := range creds {
			if slices.Contains(accounts, cred.Account) && !yield(cred) {
				return
			}
		}
	}
}

// truth is where status reads.
type truth struct {
	vault interface {
		Load(ctx context.Context, cred *rotation.Credential) (rotation.Record, error)
		Read(ctx context.Context, place rotation.Place) (rotation.Entry, error)
	}
}

// read returns a credential's row; false if it is none of those that v wants.
func (t truth) read(ctx context.Context, v *view, cred *rotation.Credential) (r row, wanted bool, err error) {
	rec, err := t.vault.Load(ctx, cred)
	if err == nil && !v.mayShow(rec) {
		return row{}, false, nil // one request to Vault less
	}
	var current rotation.Entry
	if err == nil {
		current, err = t.vault.Read(ctx, cred.Place)
	}
	if err != nil {
		return row{}, false, fmt.Errorf("%s: %w", cred.ID, err)
	}
	r = newRow(cred, rec, current)
	return r, v.wants(r), nil
}

// mayShow tells from the journal alone whether a credential can be in one of the states that are asked for.
func (v *view) mayShow(rec rotation.Record) bool {
	if state := journalState(rec); state != "" {
		return v.wantsState(state)
	}
	return v.wantsState(stateHealthy) || v.wantsState(stateWaiting)
}

func (v *view) wantsState(state string) bool {
	return len(v.states) == 0 || slices.Contains(v.states, stateFlag(state))
}

func (v *view) wants(r row) bool {
	return v.wantsState(r.State) && (v.before.IsZero() || r.RotatedAt == nil || !r.RotatedAt.After(v.before))
}
