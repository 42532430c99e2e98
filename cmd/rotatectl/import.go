package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"keyturn/internal/config"
	"keyturn/internal/observe"
	"keyturn/internal/providers"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

func importCommand(o *options) *cobra.Command {
	var account, domain, table, prefix string
	listing := listing()
	cmd := &cobra.Command{
		Use:   "import [PROVIDER]",
		Short: "write the configuration of credentials that exist elsewhere",
		Long: "Import writes a list of credentials to standard output: put it into a YAML file that include names. They come from the\n" +
			"provider, where it lists them (" + strings.Join(listing, ", ") + "; with --account and --domain), or from a CSV file with a heading: target, and\n" +
			"optionally id, account, path and username. It changes nothing anywhere.",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: listing,
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			asks := len(args) == 1
			if asks == (table != "") {
				return usageError{errors.New("import either from a provider or from a --csv FILE")}
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			var found []imported
			if asks {
				found, err = list(cmd.Context(), cfg, args[0], account, domain)
			} else {
				found, err = readTable(table, account)
			}
			if err := errors.Join(err, complete(cfg, found, prefix)); err != nil {
				return err
			}
			return writeImported(cmd.OutOrStdout(), found)
		}),
	}
	cmd.Flags().StringVar(&account, "account", "", "account of the credentials; of those rows that name none")
	cmd.Flags().StringVar(&domain, "domain", "", "domain whose credentials the provider lists")
	cmd.Flags().StringVar(&table, "csv", "", "CSV `FILE` to read")
	cmd.Flags().StringVar(&prefix, "path-prefix", "mail", "where in Vault those go that name no path")
	return cmd
}

// imported is one credential of the configuration.
type imported struct {
	ID       string `yaml:"id"`
	Account  string `yaml:"account"`
	Target   string `yaml:"target"`
	Path     string `yaml:"path"`
	Username string `yaml:"username,omitempty"`

	from string // file and line, or its name at the provider
}

// listing are the providers that can name their credentials.
func listing() []string {
	var codes []string
	for _, p := range providers.All() {
		if p.Lists {
			codes = append(codes, p.Code)
		}
	}
	return codes
}

// list asks the provider, at the pace that all callers of the account keep together.
func list(ctx context.Context, cfg *config.Config, provider, name, domain string) ([]imported, error) {
	account, ok := cfg.Accounts[name]
	if !ok || account.Provider.Code != provider || domain == "" {
		return nil, usageError{fmt.Errorf("import %[1]s: want --account with an account of %[1]s, and --domain", provider)}
	}
	e, err := newEngine(ctx, cfg, vaultkv.ReadWrite)
	if err != nil {
		return nil, err
	}
	defer e.close()
	client, err := e.client(ctx, name)
	if err != nil {
		return nil, err
	}
	listed, err := client.Lister.List(ctx, domain, func(ctx context.Context) error { return e.turn(ctx, name) })
	if err != nil {
		return nil, err
	}
	found := make([]imported, len(listed))
	for i, c := range listed {
		found[i] = imported{Account: name, Target: c.Target, Username: c.Username, from: c.Target}
	}
	return found, nil
}

var (
	idForm  = regexp.MustCompile(`^[a-z0-9._@-]{1,128}$`)
	notInID = regexp.MustCompile(`[^a-z0-9._@-]+`)
)

// complete checks what was found and fills in what can be derived. Its error names every mistake. What depends on the
// rest of the configuration is for `config check`.
func complete(cfg *config.Config, found []imported, prefix string) error {
	var problems []error
	taken := map[unique]string{} // where each was seen
	for i := range found {
		c := &found[i]
		if err := c.resolve(cfg); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", c.from, err))
			continue
		}
		c.name(prefix, taken)
		if !idForm.MatchString(c.ID) {
			problems = append(problems, fmt.Errorf(`%s: %q is not a valid id: want 1 to 128 of a-z, 0-9 and "._-@"`, c.from, c.ID))
		}
		for _, text := range []unique{{"username", "", c.Username}, {"path", "", c.Path}} {
			if observe.Printable(text.value) != text.value {
				problems = append(problems, fmt.Errorf("%s: %s %q has characters that do not show: remove them", c.from, text.field, text.value))
			}
		}
		account := cfg.Accounts[c.Account]
		for _, own := range []unique{
			{"id", "", c.ID}, {"path", "", c.Path}, {"target", account.Provider.Code + " " + account.Region, c.Target},
		} {
			if first, twice := taken[own]; twice {
				problems = append(problems, fmt.Errorf("%s: %s %q is already used at %s", c.from, own.field, own.value, first))
				continue
			}
			taken[own] = c.from
		}
	}
	return errors.Join(problems...)
}

// unique is what only one credential may have: a target among those of its service.
type unique struct{ field, service, value string }

// resolve checks the account, and the target by the account's provider.
func (c *imported) resolve(cfg *config.Config) error {
	if c.Target == "" || c.Account == "" {
		return errors.New("want a target, and an account there or as --account")
	}
	account, ok := cfg.Accounts[c.Account]
	switch {
	case !ok:
		return fmt.Errorf("no account %q in the configuration", c.Account)
	case account.Provider.Mode == rotation.ModeContacts:
		return fmt.Errorf("account %s: %s rotates nothing: its addresses belong under verifications", c.Account, account.Provider.Code)
	}
	target, err := account.Provider.CheckTarget(c.Target)
	if err != nil {
		return fmt.Errorf("target %q: %w", c.Target, err)
	}
	c.Target = target
	return nil
}

// name derives id and path where they are not given: from the user name, which people know, unless another's looks the
// same in them.
func (c *imported) name(prefix string, taken map[unique]string) {
	derive := func(from string) (id, place string) {
		name := strings.Trim(notInID.ReplaceAllString(strings.ToLower(from), "-"), "-.")
		return c.Account + "-" + name, path.Join(strings.Trim(prefix, "/"), c.Account, name)
	}
	id, place := derive(c.Target)
	if c.Username != "" {
		named, at := derive(c.Username)
		_, sameID := taken[unique{field: "id", value: named}]
		_, samePath := taken[unique{field: "path", value: at}]
		if !sameID && !samePath {
			id, place = named, at
		}
	}
	if c.ID == "" {
		c.ID = id
	}
	if c.Path == "" {
		c.Path = place
	}
}

func writeImported(out io.Writer, found []imported) error {
	enc := yaml.NewEncoder(out)
	enc.SetIndent(2)
	if err := enc.Encode(found); err != nil {
		return err
	}
	return enc.Close()
}
