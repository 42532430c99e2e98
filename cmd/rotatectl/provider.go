package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/internal/config/document"
	"keyturn/internal/providers"
	"keyturn/internal/providers/declared"
)

func providerCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "provider", Short: "work with descriptions of providers"}
	cmd.AddCommand(providerCheck(), providerNew(), providerTry(o))
	return cmd
}

func providerCheck() *cobra.Command {
	var embedded bool
	var output string
	check := &cobra.Command{
		Use:   "check [FILE]...",
		Short: "check descriptions of providers, and run their examples",
		Long: `check reads descriptions of providers (docs/providers/declared.md), reports every mistake with file, line and column, and runs
their examples: what is sent, and what each answer means. It adds answers that no provider documents: half of one, a page of
a gateway, another character set. It prints the requests, and warns about rows that no example has. It needs no configuration
and no network.`,
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			switch {
			case output != "text" && output != "json":
				return usageError{fmt.Errorf("-o %s: want text or json", output)}
			case embedded == (len(args) > 0):
				return usageError{errors.New("provider check: want files, or --embedded")}
			}
			all := examined{Findings: document.Findings{Errors: []document.Finding{}, Warnings: []document.Finding{}}, Files: []described{}}
			if embedded {
				for _, name := range declared.EmbeddedNames() {
					all.add(cmd, name, func() (*declared.Description, error) { return declared.ReadEmbedded(name) })
				}
			}
			for _, name := range args {
				all.add(cmd, name, func() (*declared.Description, error) { return declared.ReadFile(name, all.taken(name)...) })
			}
			if output == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				encoder.SetEscapeHTML(false)
				return errors.Join(encoder.Encode(all), all.err())
			}
			return all.print(cmd.OutOrStdout(), cmd.ErrOrStderr())
		}),
	}
	check.Flags().BoolVar(&embedded, "embedded", false, "check the descriptions that keyturn has with it")
	check.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return check
}

func providerNew() *cobra.Command {
	var mode, output string
	cmd := &cobra.Command{
		Use:   "new CODE",
		Short: "write a description to begin with",
		Long: `new writes a description of a provider with this code to standard output: every field, with a comment, and examples that are
true. Change it line by line beside the provider's page, and run provider check meanwhile.`,
		Args: cobra.ExactArgs(1),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			switch {
			case output != "yaml" && output != "json":
				return usageError{fmt.Errorf("-o %s: want yaml or json", output)}
			case !slices.Contains(declared.Modes(), mode):
				return usageError{fmt.Errorf("--mode %s: want %s", mode, strings.Join(declared.Modes(), " or "))}
			}
			text, err := declared.Skeleton(args[0], mode)
			if err != nil {
				return usageError{fmt.Errorf("provider new: %q is not a code: a-z, 0-9 and - in the middle, at most 32", args[0])}
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"provider": args[0], "description": string(text)})
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		}),
	}
	cmd.Flags().StringVar(&mode, "mode", "setter", "setter: it takes our password; issuer: it makes one; minter: it makes another identity with one")
	cmd.Flags().StringVarP(&output, "output", "o", "yaml", "yaml or json")
	return cmd
}

// examined is what was found in all files.
type examined struct {
	Files    []described `json:"files"`
	Rows     int         `json:"rows"`
	Examples int         `json:"examples"`
	Failed   int         `json:"failed"` // examples that are not true, and files that cannot be read
	document.Findings
}

// described is one file.
type described struct {
	File     string   `json:"file"`
	Provider string   `json:"provider,omitempty"`
	Rows     int      `json:"rows"`
	Examples int      `json:"examples"`
	Requests []string `json:"requests"`
}

func (e *examined) add(cmd *cobra.Command, name string, read func() (*declared.Description, error)) {
	d, err := read()
	if err != nil {
		e.Failed++
		e.Note(err)
		e.Files = append(e.Files, described{File: name, Requests: []string{}})
		return
	}
	report := d.Check(cmd.Context())
	e.Rows, e.Examples, e.Failed = e.Rows+report.Rows, e.Examples+report.Examples, e.Failed+len(report.Failed)
	for _, one := range report.Failed {
		e.Note(one)
	}
	e.Warn(report.Uncovered)
	e.Files = append(e.Files, described{File: name, Provider: d.Code, Rows: report.Rows, Examples: report.Examples, Requests: report.Requests})
}

// taken are the codes that a file must not have: those of the providers that keyturn has, unless it is the file of that one,
// and those of other files.
func (e *examined) taken(name string) []string {
	var codes []string
	for _, p := range providers.All() {
		if filepath.Base(name) != p.Code+".yaml" {
			codes = append(codes, p.Code)
		}
	}
	for _, f := range e.Files {
		codes = append(codes, f.Provider)
	}
	return codes
}

func (e *examined) err() error {
	if e.Failed == 0 {
		return nil
	}
	return &failedError{fmt.Errorf("%d failed", e.Failed)}
}

// print shows the requests of each file, then what is wrong, and ends with a line that counts.
func (e *examined) print(out, problems io.Writer) error {
	for _, f := range e.Files {
		for _, request := range f.Requests {
			fmt.Fprintf(out, "%s sends\n  %s\n\n", f.File, strings.ReplaceAll(request, "\n", "\n  "))
		}
	}
	for _, one := range append(e.Warnings, e.Errors...) {
		text := one.Message
		if one.Placed != nil {
			text = one.Placed.Error()
		}
		fmt.Fprintln(problems, strings.ReplaceAll(text, "\n", "\n  "))
	}
	fmt.Fprintf(out, "provider check: files=%d rows=%d examples=%d failed=%d\n", len(e.Files), e.Rows, e.Examples, e.Failed)
	return e.err()
}
