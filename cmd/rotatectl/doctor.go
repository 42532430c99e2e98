package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"keyturn/internal/app"
	"keyturn/internal/doctor"
	"keyturn/internal/observe"
)

func doctorCommand(o *options) *cobra.Command {
	var format string
	var strict bool
	timeout := time.Minute
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "look at everything that keyturn depends on, and say what is wrong and how to mend it",
		Long: `doctor looks at Redis, every Vault, every provider's endpoint, every mail server, the clocks of all of them, the rates, the
running schedulers and the queues, as the configuration names them. It logs in to Vault, and nowhere else, and changes
nothing. Run it where a worker runs and with its configuration: what it finds is what that worker finds.

The exit status is 0 if keyturn can work, 1 with --strict where there are warnings, and 2 where there are errors.`,
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			if timeout <= 0 {
				return usageError{fmt.Errorf("--timeout %v: want more than 0s", timeout)}
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			r := app.Examine(ctx, cfg)
			if format == "json" {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			} else {
				err = printFindings(cmd.OutOrStdout(), r.Findings)
			}
			if err != nil {
				return err
			}
			return verdict(r, strict)
		}),
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "exit with status 1 where there are warnings")
	cmd.Flags().DurationVar(&timeout, "timeout", timeout, "how long all of it may take")
	formatFlag(cmd, &format)
	return cmd
}

// verdict is the error that a report ends with.
func verdict(r doctor.Report, strict bool) error {
	err := errors.New("doctor: " + strings.TrimPrefix(plural(", %d error", r.Errors)+plural(", %d warning", r.Warnings), ", "))
	switch {
	case r.Errors > 0:
		return usageError{err}
	case r.Warnings > 0 && strict:
		return err
	}
	return nil
}

const (
	doctorWidth  = 100 // of a line, but for a command, which must be copied whole
	doctorIndent = "                    "
)

// printFindings writes a line for what is in order, and a paragraph for what is not.
func printFindings(out io.Writer, findings []doctor.Finding) error {
	var text strings.Builder
	for _, f := range findings {
		severity := string(f.Severity)
		if f.Severity == doctor.Error || f.Severity == doctor.Warning {
			severity = strings.ToUpper(severity)
		}
		paragraph(&text, fmt.Sprintf("%-7s  %-10s ", severity, f.Area), f.Subject+": "+f.What)
		if f.Why != "" {
			paragraph(&text, fmt.Sprintf("%19s ", "why:"), f.Why)
		}
		if f.Fix != "" {
			paragraph(&text, fmt.Sprintf("%19s ", "fix:"), f.Fix)
		}
		for _, command := range f.Commands {
			fmt.Fprintln(&text, doctorIndent+"  "+observe.Printable(command))
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// paragraph breaks a text into lines after words; head begins the first of them. A word that is too long is not broken.
func paragraph(out *strings.Builder, head, text string) {
	line := head
	begun := false
	for _, word := range strings.Fields(observe.Printable(text)) {
		if begun && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > doctorWidth {
			fmt.Fprintln(out, line)
			line, begun = doctorIndent, false
		}
		if begun {
			line += " "
		}
		line, begun = line+word, true
	}
	fmt.Fprintln(out, line)
}
