package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/providers"
)

func importCommand(o *options) *cobra.Command {
	var domain, table, format string
	var r operate.ImportRequest
	listing := listing()
	cmd := &cobra.Command{
		Use:   "import [PROVIDER]",
		Short: "write the configuration of credentials that exist elsewhere",
		Long: "Import writes a list of credentials to standard output: put it into a YAML file that include names. They come from the\n" +
			"provider, where it lists them (" + strings.Join(listing, ", ") + "; with --account and --domain), or from a CSV file with a heading: target, and\n" +
			"optionally id, account, path and username, and second_target and second_username, which make it a pair. It changes\n" +
			"nothing anywhere.",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: listing,
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			if format != "yaml" && format != "json" {
				return usageError{fmt.Errorf("-o %s: want yaml or json", format)}
			}
			asks := len(args) == 1
			if asks == (table != "") {
				return usageError{errors.New("import either from a provider or from a --csv FILE")}
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			var found []operate.Imported
			if asks {
				found, err = list(cmd, cfg, args[0], domain, r)
			} else {
				found, err = readTable(cfg, table, r)
			}
			if err != nil {
				return err
			}
			return writeImported(cmd.OutOrStdout(), format, found)
		}),
	}
	cmd.Flags().StringVar(&r.Account, "account", "", "account of the credentials; of those rows that name none")
	cmd.Flags().StringVar(&domain, "domain", "", "domain whose credentials the provider lists")
	cmd.Flags().StringVar(&table, "csv", "", "CSV `FILE` to read")
	cmd.Flags().StringVar(&r.PathPrefix, "path-prefix", "mail", "where in Vault those go that name no path")
	cmd.Flags().StringVarP(&format, "output", "o", "yaml", "yaml or json")
	return cmd
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

// list asks the provider for a domain's credentials.
func list(cmd *cobra.Command, cfg *config.Config, provider, domain string, r operate.ImportRequest) ([]operate.Imported, error) {
	account, ok := cfg.Accounts[r.Account]
	if !ok || account.Provider.Code != provider || domain == "" {
		return nil, usageError{fmt.Errorf("import %[1]s: want --account with an account of %[1]s, and --domain", provider)}
	}
	d, done, err := ownDesk(cmd, cfg)
	if err != nil {
		return nil, err
	}
	defer done()
	return d.ImportListed(cmd.Context(), domain, r)
}

func readTable(cfg *config.Config, file string, r operate.ImportRequest) ([]operate.Imported, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found, err := operate.For(cfg).ImportTable(f, file, r)
	if bad := (*operate.Error)(nil); errors.As(err, &bad) {
		return nil, &failedError{hinted(bad.Err)} // the command line is right: the file is not
	}
	return found, err
}

// hinted names the flag that mends a row without an account.
func hinted(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, one := range joined.Unwrap() {
			all = append(all, hinted(one))
		}
		return errors.Join(all...)
	}
	if errors.Is(err, operate.ErrIncomplete) {
		return fmt.Errorf("%w or as --account", err)
	}
	return err
}

func writeImported(out io.Writer, format string, found []operate.Imported) error {
	if format == "json" {
		return json.NewEncoder(out).Encode(found)
	}
	enc := yaml.NewEncoder(out)
	enc.SetIndent(2)
	if err := enc.Encode(found); err != nil {
		return err
	}
	return enc.Close()
}
