// Command vault is a real Vault server core for keyturn's tests, benchmarks and demo. It answers to the part of the
// official command line that a development server needs:
//
//	vault server -dev -dev-root-token-id=ID -dev-listen-address=HOST:PORT
//	vault server -config=FILE.json
//	vault status -address=URL
//
// With a configuration it starts sealed, and uninitialised on new storage, as the official one does.
//
// It lives in a module of its own, so that Vault's dependencies stay out of keyturn's. It is never shipped: Vault's
// core is licensed under the BUSL-1.1, and a development server keeps its unseal key beside its data.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes of the official binary; its health checks rely on them.
const (
	exitOK     = 0
	exitError  = 1
	exitSealed = 2
)

const usage = `usage:
  vault server -dev [options]   run a development server ("vault server -h" lists the options)
  vault server -config FILE     run a server that you have to initialise and unseal
  vault status [-address URL]   exit 0 if unsealed, 2 if sealed, 1 on an error
  vault version
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitError
	}
	var err error
	switch args[0] {
	case "server":
		err = runServer(ctx, args[1:], getenv, stdout, stderr)
	case "status":
		err = runStatus(ctx, args[1:], getenv, stdout, stderr)
	case "version", "-version", "--version":
		fmt.Fprintln(stdout, "Vault v"+vaultVersion+" (keyturn development build)")
	default:
		fmt.Fprint(stderr, usage)
		return exitError
	}
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errSealed):
		return exitSealed
	default:
		fmt.Fprintf(stderr, "vault: %v\n", err)
		return exitError
	}
}
