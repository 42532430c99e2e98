package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"keyturn/internal/config"
	"keyturn/internal/vaultkv"
	"keyturn/internal/wiring"
)

func configCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "work with the configuration"}
	var secrets bool
	check := &cobra.Command{
		Use:   "check",
		Short: "check the configuration; every error is reported with file, line and column",
		Args:  cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if secrets {
				if err := checkSecrets(cmd.Context(), cfg); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d credentials, %d accounts, %d contact verifications: no errors\n",
				o.config, cfg.Len(), len(cfg.Accounts), len(cfg.Verifications))
			return err
		}),
	}
	check.Flags().BoolVar(&secrets, "secrets", false, "read the management keys too, from the environment, files and Vault")
	cmd.AddCommand(check)
	return cmd
}

// checkSecrets reads every management key, and forgets it.
func checkSecrets(ctx context.Context, cfg *config.Config) error {
	vault, err := wiring.Vault(ctx, cfg, vaultkv.ReadOnly, nil)
	if err != nil {
		return err
	}
	defer vault.Close()
	_, err = wiring.NewSubjects(ctx, cfg, vault.ReadField, wiring.Mail{})
	return err
}
