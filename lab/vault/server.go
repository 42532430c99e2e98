package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/vault"
)

// shutdownTimeout is how long requests may take to end after SIGTERM.
const shutdownTimeout = 5 * time.Second

// runServer serves until the context is done, then stops cleanly.
func runServer(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	opts, err := parseOptions(args, getenv, stderr)
	if err != nil {
		return err
	}
	if opts.dir != "" {
		if err := os.MkdirAll(opts.dir, 0o700); err != nil {
			return err
		}
	}
	// The port is taken first: two servers on one port must not both open the storage.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opts.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	address := "http://" + listener.Addr().String()

	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.LevelFromString(opts.logLevel), Output: stderr})
	core, err := newCore(opts, address, logger)
	if err != nil {
		return err
	}
	defer func() {
		_ = core.Shutdown()
		opts.cluster.close()
	}()
	if opts.cluster != nil {
		// Set before it is unsealed: then it listens there, and sends what it may not do itself to the active node.
		core.SetClusterListenerAddrs([]*net.TCPAddr{opts.cluster.address})
		core.SetClusterHandler(handler(core))
	}
	if opts.sealed {
		return serve(ctx, core, listener, func() error { return announce(stdout, address, "", opts) })
	}
	token, err := open(ctx, core, opts)
	if err != nil {
		return err
	}
	if err := prepare(ctx, core, token, opts); err != nil {
		return err
	}
	if opts.tokenFile != "" {
		if err := writeFile(opts.tokenFile, []byte(token)); err != nil {
			return fmt.Errorf("root token: %w", err)
		}
	}
	return serve(ctx, core, listener, func() error { return announce(stdout, address, token, opts) })
}

func handler(core *vault.Core) http.Handler {
	return vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core:           core,
		ListenerConfig: &configutil.Listener{}, // the handler reads it without a check for nil
	})
}

// serve answers requests and calls ready once it does.
func serve(ctx context.Context, core *vault.Core, listener net.Listener, ready func() error) error {
	server := &http.Server{
		Handler:           handler(core),
		ReadHeaderTimeout: 10 * time.Second,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := ready(); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return server.Close()
	}
	return nil
}

// announce says that the server is ready. The token is printed only where the caller has no other way to learn it.
func announce(stdout io.Writer, address, token string, opts options) error {
	if opts.readyJSON {
		return json.NewEncoder(stdout).Encode(map[string]string{"addr": address})
	}
	if _, err := fmt.Fprintf(stdout, "Vault %s development server: %s\n", vaultVersion, address); err != nil {
		return err
	}
	if token == "" || opts.token != "" || opts.tokenFile != "" {
		return nil
	}
	_, err := fmt.Fprintf(stdout, "Root Token: %s\n", token)
	return err
}
