// Command schema writes docs/keyturn.schema.json, the JSON Schema of keyturn.yaml, for editors. It is made of the tables of
// docs/configuration.md, of which a test says that they name the fields that keyturn reads, and no others: so an editor shows
// what the page says of a field.
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
	for name, made := range map[string]func(*page) any{"keyturn.schema.json": (*page).configuration, "credentials.schema.json": (*page).included} {
		text, err := write(root, made)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, "docs", name), text, 0o644); err != nil { //nolint:gosec // a page for all
			return err
		}
	}
	return nil
}

// write is a schema as it stands in docs.
func write(root string, made func(*page) any) ([]byte, error) {
	p, err := readPage(filepath.Join(root, "docs", "configuration.md"))
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(made(p), "", " ")
	return append(text, '\n'), err
}
