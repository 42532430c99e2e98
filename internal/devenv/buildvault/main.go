// Command buildvault builds the Vault server of lab/vault into the cache, if it is not there, and prints its path.
// With -clean it empties that cache instead.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"keyturn/internal/devenv"
)

func main() {
	clean := flag.Bool("clean", false, "remove what was built")
	flag.Parse()
	if err := run(*clean); err != nil {
		fmt.Fprintf(os.Stderr, "buildvault: %v\n", err)
		os.Exit(1)
	}
}

func run(clean bool) error {
	if clean {
		return devenv.RemoveVaultBinaries()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	path, err := devenv.VaultBinary(ctx)
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
