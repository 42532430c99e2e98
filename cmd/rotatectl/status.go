package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
	"keyturn/internal/wiring"
)

func statusCommand(o *options) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status [ID...]",
		Short: "show the state of credentials, as Vault has it",
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if format != "table" && format != "json" {
				return usageError{fmt.Errorf("-o %s: want table or json", format)}
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			creds, err := chosen(cfg, ids)
			if err != nil {
				return err
			}
			vault, err := wiring.Vault(cmd.Context(), cfg, vaultkv.ReadOnly)
			if err != nil {
				return err
			}
			defer vault.Close()
			rows, err := states(cmd.Context(), vault, creds)
			if err != nil {
				return err
			}
			if format == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
			}
			return table(cmd.OutOrStdout(), rows)
		}),
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or json")
	return cmd
}

func chosen(cfg *config.Config, ids []string) ([]*rotation.Credential, error) {
	if len(ids) > 0 {
		return credentials(cfg, ids)
	}
	all := make([]*rotation.Credential, 0, cfg.Len())
	for cred := range cfg.Credentials() {
		all = append(all, cred)
	}
	return all, nil
}

// row is one credential's state. It holds no secret.
type row struct {
	Credential string     `json:"credential"`
	Account    string     `json:"account"`
	State      string     `json:"state"`
	Version    int        `json:"version"` // of the secret in Vault; 0: none yet
	RotatedAt  *time.Time `json:"rotated_at,omitempty"`
	Due        *time.Time `json:"due,omitempty"`
	Verified   string     `json:"verified,omitempty"`
	Note       string     `json:"note,omitempty"`
}

// states reads journal and current of every credential, a few at a time.
func states(ctx context.Context, vault *vaultkv.Vault, creds []*rotation.Credential) ([]row, error) {
	rows := make([]row, len(creds))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, cred := range creds {
		group.Go(func() error {
			rec, err := vault.Load(ctx, cred)
			if err != nil {
				return fmt.Errorf("%s: %w", cred.ID, err)
			}
			current, err := vault.Read(ctx, cred.Place)
			if err != nil {
				return fmt.Errorf("%s: %w", cred.ID, err)
			}
			rows[i] = newRow(cred, rec, current)
			return nil
		})
	}
	return rows, group.Wait()
}

func newRow(cred *rotation.Credential, rec rotation.Record, current rotation.Entry) row {
	r := row{Credential: cred.ID, Account: cred.Account, State: "healthy", Version: current.Version, Verified: string(current.Verified)}
	if !current.RotatedAt.IsZero() {
		due := cred.Schedule.Next(current.Slot, cred.ID)
		r.RotatedAt, r.Due = &current.RotatedAt, &due
	}
	switch {
	case rec.State == rotation.Quarantined:
		r.State, r.Note = "quarantined", rec.Why
	case rec.State == rotation.Open && rec.Doubted:
		r.State = "in doubt"
	case rec.State == rotation.Open:
		r.State = "rotating"
	case current.Password.IsZero():
		r.State = "waiting"
		if cred.First == rotation.FirstManual {
			r.Note = "never rotated: start with `rotatectl rotate " + cred.ID + "`"
		}
	case current.Verified == rotation.VerifiedNo:
		r.Note = "promoted unverified"
	}
	return r
}

func table(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CREDENTIAL\tACCOUNT\tSTATE\tVERSION\tROTATED\tDUE\tVERIFIED\tNOTE")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", r.Credential, r.Account, r.State, r.Version, when(r.RotatedAt), when(r.Due), r.Verified, r.Note)
	}
	return w.Flush()
}

func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
