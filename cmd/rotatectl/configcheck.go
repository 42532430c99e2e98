package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"keyturn/internal/config"
	"keyturn/internal/providers"
)

func configCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "work with the configuration"}
	var secrets bool
	var output string
	check := &cobra.Command{
		Use:   "check",
		Short: "check the configuration; every error is reported with file, line and column",
		Long: `check reads the configuration and everything that it includes, and the files of certificates that it names. Every error is
reported with file, line and column, and so are warnings: what is legal but surely not meant. At a terminal the place is shown
too; -o json is for editors and CI. What check passes starts.`,
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return usageError{fmt.Errorf("-o %s: want text or json", output)}
			}
			found := checkConfig(cmd, o.config, secrets)
			if output == "json" {
				return found.json(cmd.OutOrStdout())
			}
			return found.text(cmd.OutOrStdout(), cmd.ErrOrStderr(), term.IsTerminal(int(os.Stderr.Fd())))
		}),
	}
	check.Flags().BoolVar(&secrets, "secrets", false, "read the management keys too, from the environment, files and Vault")
	check.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.AddCommand(check)
	return cmd
}

// findings is what a check found. Its JSON is for editors and CI.
type findings struct {
	Config        string    `json:"config"`
	OK            bool      `json:"ok"`
	Credentials   int       `json:"credentials"`
	Accounts      int       `json:"accounts"`
	Verifications int       `json:"verifications"`
	Total         int       `json:"total_errors"`
	Errors        []finding `json:"errors"`
	Warnings      []finding `json:"warnings"`

	errs  error // of everything that is wrong
	wrong bool  // the configuration itself has errors, not only what it names
}

const (
	severityError   = "error"
	severityWarning = "warning"
)

// finding is one error or warning.
type finding struct {
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Field    string `json:"field,omitempty"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`

	placed *config.Error // nil where it has no place
}

func checkConfig(cmd *cobra.Command, path string, secrets bool) findings {
	f := findings{Config: path, Errors: []finding{}, Warnings: []finding{}}
	cfg, err := config.Load(path, providers.All())
	if err == nil {
		f.Credentials, f.Accounts, f.Verifications = cfg.Len(), len(cfg.Accounts), len(cfg.Verifications)
		f.warn(cfg.Warnings)
		err = cfg.CheckFiles()
	}
	f.wrong = err != nil
	if secrets && cfg != nil {
		err = errors.Join(err, checkSecrets(cmd.Context(), cfg))
	}
	f.add(err)
	f.errs = err
	f.OK = err == nil
	return f
}

func (f *findings) warn(list []*config.Error) {
	for _, e := range list {
		f.Warnings = append(f.Warnings, placed(e, severityWarning))
	}
}

// add takes an error apart into the errors that it joins.
func (f *findings) add(err error) {
	switch err := err.(type) { //nolint:errorlint // each layer is looked at, not what it wraps
	case nil:
	case *config.Errors:
		for _, e := range err.List {
			f.Errors = append(f.Errors, placed(e, severityError))
		}
		f.Total += err.Total
		f.warn(err.Warnings)
	case *config.Error:
		f.Errors = append(f.Errors, placed(err, severityError))
		f.Total++
	case interface{ Unwrap() []error }:
		for _, part := range err.Unwrap() {
			f.add(part)
		}
	default:
		f.Errors = append(f.Errors, finding{Severity: severityError, Message: err.Error()})
		f.Total++
	}
}

func placed(e *config.Error, severity string) finding {
	return finding{
		File: e.File, Line: e.Line, Column: e.Column, Field: e.Field, Severity: severity, Message: e.Message, Hint: e.Hint, placed: e,
	}
}

func (f *findings) json(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(f); err != nil {
		return err
	}
	return f.fail(f.count())
}

// text prints warnings and errors, at a terminal with their places. Elsewhere the errors are what the command returns.
func (f *findings) text(out, problems io.Writer, terminal bool) error {
	for _, one := range append(f.Warnings, f.Errors...) {
		var err error
		switch {
		case terminal && one.placed != nil:
			err = config.Show(problems, []*config.Error{one.placed})
		case terminal:
			_, err = fmt.Fprintln(problems, one.Message)
		case one.Severity == severityWarning:
			_, err = fmt.Fprintln(problems, one.placed)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case !f.OK && terminal:
		return f.fail(f.count())
	case !f.OK:
		return f.fail(f.errs)
	}
	_, err := fmt.Fprintf(out, "%s: %d credentials, %d accounts, %d contact verifications: no errors%s\n",
		f.Config, f.Credentials, f.Accounts, f.Verifications, plural(", %d warning", len(f.Warnings)))
	return err
}

// count is the error of a check whose findings are printed already.
func (f *findings) count() error {
	return fmt.Errorf("%s: %s", f.Config, plural("%d error", f.Total)+plural(", %d warning", len(f.Warnings)))
}

// fail gives err the exit status of what was found.
func (f *findings) fail(err error) error {
	switch {
	case f.OK:
		return nil
	case f.wrong:
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
