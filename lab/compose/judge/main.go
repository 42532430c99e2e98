// Command judge logs in to the mail servers of docker-compose.yml with what stands in Vault, once for each credential, as a
// program does that reads its password there. It uses nothing of keyturn's own, and shows no password.
// scripts/compose-check runs it beside the services.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os"
	"time"

	"go.yaml.in/yaml/v3"
)

// patience bounds one login.
const patience = 10 * time.Second

func main() {
	config := flag.String("config", "keyturn.yaml", "`file` of the credentials")
	flag.Parse()
	if err := run(context.Background(), *config, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

// fleet is what a configuration says of where passwords are and what they are for.
type fleet struct {
	Vault struct {
		Address string
		Auth    struct {
			AppRole struct {
				RoleID   string                `yaml:"role_id"`
				SecretID struct{ File string } `yaml:"secret_id"`
			}
		}
	}
	Accounts map[string]struct {
		Verify struct {
			SMTP struct {
				Address string
				CAFile  string `yaml:"ca_file"`
			}
		}
	}
	Credentials []struct{ ID, Account, Target, Path string }
}

func run(ctx context.Context, config string, out io.Writer) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	var f fleet
	if err := yaml.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("%s: %w", config, err)
	}
	secretID, err := os.ReadFile(f.Vault.Auth.AppRole.SecretID.File)
	if err != nil {
		return err
	}
	v := vault{address: f.Vault.Address}
	if err := v.logIn(ctx, f.Vault.Auth.AppRole.RoleID, string(secretID)); err != nil {
		return err
	}
	refused := 0
	for _, c := range f.Credentials {
		server := f.Accounts[c.Account].Verify.SMTP
		current, err := v.current(ctx, c.Path)
		if err != nil {
			return fmt.Errorf("%s: %w", c.ID, err)
		}
		username := current.Username
		if username == "" {
			username = c.Target
		}
		if err := logIn(ctx, server.Address, server.CAFile, username, current.Password); err != nil {
			refused++
			fmt.Fprintf(out, "%s: version %d: %v\n", c.ID, current.version, err)
		}
	}
	if refused > 0 || len(f.Credentials) == 0 {
		return fmt.Errorf("%d of %d credentials cannot log in", refused, len(f.Credentials))
	}
	_, err = fmt.Fprintf(out, "%d credentials log in\n", len(f.Credentials))
	return err
}

// logIn tries a password at a mail server that speaks TLS from the start.
func logIn(ctx context.Context, address, caFile, username, password string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	authority, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	conn, err := (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if err := client.Auth(smtp.PlainAuth("", username, password, host)); err != nil {
		return err
	}
	return client.Quit()
}
