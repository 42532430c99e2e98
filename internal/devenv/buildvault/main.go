// Command buildvault builds the Vault server of lab/vault into the cache, if it is not there, and prints its path.
// With -clean it empties that cache instead.
package main

import (
	"context"
	"flag"
	"fmt"

	"keyturn/internal/devenv"
)

func main() { devenv.Main("buildvault", run) }

func run(ctx context.Context) error {
	clean := flag.Bool("clean", false, "remove what was built")
	flag.Parse()
	if *clean {
		return devenv.RemoveVaultBinaries()
	}
	path, err := devenv.VaultBinary(ctx)
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
