// Command setup tends the Vault of docker-compose.yml, so that nothing has to be prepared by hand: it initialises and
// unseals it, makes keyturn's mounts, policies and AppRole, a token for the console, and gives the sandbox's accounts their
// management keys. For Redis it makes a certificate and the users, and a password for keyturn.
//
// It keeps Vault's unseal key and root token in a folder of its own, so a reader of that volume has everything: fine
// on a machine of your own, and no way to run a Vault that matters (see deploy/vault).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// pause is between two looks at Vault. It bounds how long a restarted Vault stays sealed.
	pause = time.Second
	// patience bounds one look, and one health check.
	patience = 10 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "setup:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	s := &setup{log: slog.New(slog.NewJSONHandler(os.Stderr, nil))}
	flags := flag.NewFlagSet("setup", flag.ContinueOnError)
	address := flags.String("vault", "http://127.0.0.1:8200", "`URL` of the Vault to tend")
	keys := flags.String("keys", ".", "`folder` that keeps the unseal key and the root token")
	login := flags.String("login", ".", "`folder` that gets the AppRole's secret-id")
	console := flags.String("console", "", "`folder` that gets the digest of the console's token, demo.sha256")
	flags.StringVar(&s.policies, "policies", "deploy/vault", "`folder` of the policies, NAME.hcl each")
	flags.StringVar(&s.targets, "targets", "", "data `file` of the sandbox, without keys")
	flags.StringVar(&s.sandbox, "sandbox", "", "`file` to write the same data with keys to")
	flags.StringVar(&s.redis.server, "redis", ".", "`folder` that gets what Redis reads: key.pem, cert.pem and users.acl")
	flags.StringVar(&s.redis.client, "redis-client", ".", "`folder` that gets what its clients read: ca.pem and password")
	flags.StringVar(&s.redis.template, "redis-acl", "deploy/redis/users.acl", "ACL `file` of Redis, without the hash of the password")
	token := flags.Bool("token", false, "print the console's token, and exit")
	health := flags.Bool("health", false, "exit 0 if everything is prepared")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	s.keys, s.secretID, s.token = filepath.Join(*keys, "vault.json"), filepath.Join(*login, "secret-id"), filepath.Join(*keys, "console-token")
	if *console != "" {
		s.digest = filepath.Join(*console, "demo.sha256")
	}
	if *token {
		text, err := os.ReadFile(s.token)
		if err == nil {
			fmt.Println(string(text))
		}
		return err
	}
	s.vault = &vault{address: *address, client: http.DefaultClient}
	if *health {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return s.healthy(ctx)
	}
	s.keep(ctx)
	return nil
}

// keep tends Vault until ctx ends. A problem is logged when it appears, not at every look.
func (s *setup) keep(ctx context.Context) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	last := ""
	for {
		problem := ""
		if err := s.tend(ctx); err != nil {
			problem = err.Error()
		}
		if problem != "" && problem != last && ctx.Err() == nil {
			s.log.WarnContext(ctx, "trying again", "problem", problem)
		}
		last = problem
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
