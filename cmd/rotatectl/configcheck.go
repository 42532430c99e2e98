package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/config/document"
	"keyturn/internal/providers"
)

func configCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "work with the configuration"}
	var secrets bool
	var output, was string
	check := &cobra.Command{
		Use:   "check",
		Short: "check the configuration; every error is reported with file, line and column",
		Long: `check reads the configuration and everything that it includes, and the files of certificates that it names. Every error is
reported with file, line and column, and so are warnings: what is legal but surely not meant. At a terminal the place is shown
too; -o json is for editors and CI. What check passes starts. With --was it also says what changes.`,
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return usageError{fmt.Errorf("-o %s: want text or json", output)}
			}
			cfg, found := config.Check(o.config, providers.All())
			if was != "" && found.OK {
				before, err := config.Load(was, providers.All())
				if err != nil {
					return usageError{fmt.Errorf("--was: %w", err)}
				}
				changes := cfg.ChangesFrom(before)
				found.Changes = &changes
			}
			if secrets && cfg != nil {
				found.Note(app.CheckSecrets(cmd.Context(), cfg))
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), found)
			}
			return printReport(found, cmd.OutOrStdout(), cmd.ErrOrStderr(), term.IsTerminal(int(os.Stderr.Fd())))
		}),
	}
	check.Flags().BoolVar(&secrets, "secrets", false, "read the management keys too, from the environment, files and Vault")
	check.Flags().StringVar(&was, "was", "", "say what changes where the configuration takes the place of this `FILE`")
	check.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.AddCommand(check)
	return cmd
}

func printJSON(out io.Writer, r *config.Report) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return err
	}
	return withStatus(r, count(r))
}

// printReport prints warnings and errors, at a terminal with their places. Elsewhere the errors are what the command returns.
func printReport(r *config.Report, out, problems io.Writer, terminal bool) error {
	for _, one := range append(r.Warnings, r.Errors...) {
		var err error
		switch {
		case terminal && one.Placed != nil:
			err = document.Show(problems, []*document.Error{one.Placed})
		case terminal:
			_, err = fmt.Fprintln(problems, one.Message)
		case one.Severity == document.SeverityWarning:
			_, err = fmt.Fprintln(problems, one.Placed)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case !r.OK && terminal:
		return withStatus(r, count(r))
	case !r.OK:
		return withStatus(r, r.Err)
	}
	_, err := fmt.Fprintf(out, "%s: %d credentials, %d accounts, %d contact verifications: no errors%s\n",
		r.Config, r.Credentials, r.Accounts, r.Verifications, plural(", %d warning", len(r.Warnings)))
	if r.Changes == nil || err != nil {
		return err
	}
	return printChanges(r.Changes, out)
}

// printChanges says what a configuration means in the place of another.
func printChanges(c *config.Changes, out io.Writer) error {
	_, err := fmt.Fprintf(out, "%d added, %d changed, %d removed (their rotation stops; nothing is deleted in Vault)\n", c.Added, c.Changed, c.Removed)
	for _, s := range c.Strategies[:min(len(c.Strategies), page)] {
		if err == nil {
			_, err = fmt.Fprintf(out, "%s: %s becomes %s: %s\n", s.Credential, s.From, s.To, s.Means)
		}
	}
	if more := len(c.Strategies) - page; more > 0 && err == nil {
		_, err = fmt.Fprintf(out, "and %d more change their strategy: -o json has all\n", more)
	}
	return err
}

// count is the error of a check whose findings are printed already.
func count(r *config.Report) error {
	return fmt.Errorf("%s: %s", r.Config, plural("%d error", r.Total)+plural(", %d warning", len(r.Warnings)))
}

// withStatus gives err the exit status of what was found.
func withStatus(r *config.Report, err error) error {
	switch {
	case r.OK:
		return nil
	case r.Invalid:
		return usageError{err}
	}
	return err
}

// plural renders a number of things, and nothing for none.
func plural(format string, n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(format, n)
	}
	return fmt.Sprintf(format, n) + "s"
}
