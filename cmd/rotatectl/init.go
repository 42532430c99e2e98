package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"keyturn/internal/providers"
	"keyturn/internal/rotation"
)

//go:embed init.yaml.tmpl
var initText string

func initCommand(o *options) *cobra.Command {
	var code, output string
	cmd := &cobra.Command{
		Use:   "init --provider CODE",
		Short: "write a configuration to begin with",
		Long: `init writes a configuration for one account and one credential of a provider, with comments: the file that --config names, or
keyturn.yaml. It overwrites none. Change what it says, line by line, and run config check meanwhile.`,
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return usageError{fmt.Errorf("-o %s: want text or json", output)}
			}
			all := providers.All()
			if code == "" {
				return usageError{fmt.Errorf("init: which --provider? One of\n%s", codes(all))}
			}
			i := slices.IndexFunc(all, func(p rotation.Provider) bool { return p.Code == code })
			if i < 0 {
				return usageError{fmt.Errorf("--provider %s: want one of\n%s", code, codes(all))}
			}
			text, err := beginning(&all[i])
			if err != nil {
				return err
			}
			f, err := os.OpenFile(o.config, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // it has no secrets
			if errors.Is(err, fs.ErrExist) {
				return usageError{fmt.Errorf("%s is there already: remove it, or name another file with --config", o.config)}
			}
			if err != nil {
				return err
			}
			if _, err := f.WriteString(text); err != nil { // half a file would be in the way of another try
				return errors.Join(err, f.Close(), os.Remove(o.config))
			}
			if err := f.Close(); err != nil {
				return errors.Join(err, os.Remove(o.config))
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"file": o.config, "provider": code})
			}
			other := ""
			if cmd.Flags().Changed("config") {
				other = " --config " + o.config
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is written: change what it says about %s, and run rotatectl config check%s\n", o.config, all[i].Name, other)
			return err
		}),
	}
	cmd.Flags().StringVar(&code, "provider", "", "`CODE` of the provider")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// codes are the providers, a line each.
func codes(all []rotation.Provider) string {
	var text strings.Builder
	for _, p := range all {
		fmt.Fprintf(&text, "%-22s %s\n", p.Code, p.Name)
	}
	return strings.TrimRight(text.String(), "\n")
}

// begun is what is written about a provider.
type begun struct {
	*rotation.Provider
	Target  string
	Overlap bool
	Login   bool // the user name of an SMTP login has to be given
	Alone   bool // identities carry no label: keyturn has to be the only one that makes them
	Proof   bool // where a password logs in has to be given, so that it is proven
	Own     bool // it runs where the user has it: no endpoint is known
}

// region is the one that an account of a provider has by default.
func region(p *rotation.Provider) string {
	if len(p.Regions) == 0 {
		return ""
	}
	return p.Regions[0]
}

// likely are texts of which each provider takes one for a target.
var likely = []string{
	"alerts@mail.example.com", "example.com", "example.com/92703823-f3a4-48e2-8e87-7adf25454800", "3c90c3cc-0d44-4b50-8888-8dd25736052a/mail.example.com",
	"mail.send", "100013065917",
}

// beginning is the configuration for a provider.
func beginning(p *rotation.Provider) (string, error) {
	b := begun{Provider: p, Overlap: p.Mode == rotation.ModeMinter, Login: p.SMTPUsername, Own: p.Endpoint(region(p)) == ""}
	b.Alone = b.Overlap && p.Overlaps.CheckOwner == nil
	b.Proof = p.SMTP == nil && !p.ReadBack && !p.NoLogin && p.Mode != rotation.ModeContacts
	check := p.CheckTarget
	if b.Overlap {
		check = p.Overlaps.CheckTarget
	}
	if p.Mode != rotation.ModeContacts {
		i := slices.IndexFunc(likely, func(target string) bool { _, err := check(target); return err == nil })
		if i < 0 {
			return "", fmt.Errorf("no target of %s is known to begin with: see docs/providers", p.Name)
		}
		b.Target = likely[i]
	}
	t, err := template.New("").Funcs(template.FuncMap{
		"env": func(key string) string {
			return strings.ToUpper(strings.ReplaceAll(p.Code, "-", "_") + "_" + key)
		},
		"text": func(target string) string { // that YAML reads as one
			if strings.Trim(target, "0123456789") == "" {
				return strconv.Quote(target)
			}
			return target
		},
		"contacts": func() bool { return p.Mode == rotation.ModeContacts },
		"issues":   func() bool { return p.Mode == rotation.ModeIssuer },
	}).Parse(initText)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = t.Execute(&text, b)
	return text.String(), err
}
