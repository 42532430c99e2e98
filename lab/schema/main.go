// Command schema writes docs/keyturn.schema.json, the JSON Schema of keyturn.yaml, for editors. It is made of the tables of
// docs/configuration.md, of which a test says that they name the fields that keyturn reads, and no others: so an editor shows
// what the page says of a field. docs/provider.schema.json, of files that describe providers, is written beside it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"keyturn/internal/devenv"
)

//go:generate go run .

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := devenv.Root()
	if err != nil {
		return err
	}
	all, err := schemas(root)
	if err != nil {
		return err
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(root, "docs", name), text, 0o644); err != nil { //nolint:gosec // a page for all
			return err
		}
	}
	return nil
}

// schemas are those that stand in docs, by their names.
func schemas(root string) (map[string][]byte, error) {
	p, err := readPage(filepath.Join(root, "docs", "configuration.md"))
	if err != nil {
		return nil, err
	}
	provider, err := providerFile(root)
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for name, schema := range map[string]any{
		"keyturn.schema.json": p.configuration(), "credentials.schema.json": p.included(), "provider.schema.json": provider,
	} {
		text, err := json.MarshalIndent(schema, "", " ")
		if err != nil {
			return nil, err
		}
		all[name] = append(text, '\n')
	}
	return all, nil
}
