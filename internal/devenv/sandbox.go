package devenv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/smtp"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Sandbox is a running cmd/sandbox: docs/sandbox.md describes its addresses and its admin API.
type Sandbox struct {
	*Process
	Providers map[string]string `json:"providers"` // base URL by code
	SMTP      map[string]string `json:"smtp"`      // host:port by code, implicit TLS
	Admin     string            `json:"admin"`     // base URL
	CAFile    string            `json:"-"`         // PEM
}

// Credential is a row of keyturn.yaml.
type Credential struct {
	ID, Account, Provider, Target, Path, Username string
	// Second is the other target of a pair, and its user name; "" where there is one target.
	Second string
	// Overlaps says that the provider makes its identities; the target, a domain, is not known by itself.
	Overlaps bool
}

// StartSandbox starts one more sandbox on free ports. The certificate authority of all of a stage's sandboxes is written
// to Dir/ca.pem, so the last one's holds.
func (s *Stage) StartSandbox(ctx context.Context, args ...string) (*Sandbox, error) {
	path, err := exec.LookPath(filepath.Join(s.Bin, "sandbox"))
	if err != nil {
		return nil, err
	}
	box := &Sandbox{CAFile: filepath.Join(s.Dir, "ca.pem")}
	box.Process, err = Start(ctx, Command{
		Path: path, Log: filepath.Join(s.Dir, "sandbox.log"), Ready: box,
		Args: append([]string{"-listen", "127.0.0.1:0", "-ca-out", box.CAFile}, args...),
	})
	return box, err
}

// Ask sends the admin API a request and decodes the answer, unless that is nil.
func (b *Sandbox) Ask(ctx context.Context, method, path string, body, answer any) error {
	return call(ctx, method, b.Admin+path, "", body, answer)
}

// Know makes the targets of credentials known.
func (b *Sandbox) Know(ctx context.Context, creds ...Credential) error {
	targets := map[string][]map[string]string{}
	for _, c := range creds {
		if c.Overlaps {
			continue
		}
		targets[c.Provider] = append(targets[c.Provider], map[string]string{"target": c.Target, "username": c.Username})
		if c.Second != "" {
			targets[c.Provider] = append(targets[c.Provider], map[string]string{"target": c.Second, "username": c.Second})
		}
	}
	for provider, list := range targets {
		if err := b.Ask(ctx, http.MethodPost, "/targets", map[string]any{"provider": provider, "targets": list}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Inject asks for faults, one or a list, in the form of docs/sandbox.md.
func (b *Sandbox) Inject(ctx context.Context, faults any) error {
	return b.Ask(ctx, http.MethodPost, "/faults", faults, nil)
}

// Held is a call whose reply the sandbox holds back.
type Held struct{ Provider, Target string }

// Holds returns the calls that are held.
func (b *Sandbox) Holds(ctx context.Context) ([]Held, error) {
	var answer struct{ Holds []Held }
	err := b.Ask(ctx, http.MethodGet, "/holds", nil, &answer)
	return answer.Holds, err
}

// Release lets go of what is held; an empty field matches all.
func (b *Sandbox) Release(ctx context.Context, h Held) error {
	return b.Ask(ctx, http.MethodPost, "/release", map[string]string{"provider": h.Provider, "target": h.Target}, nil)
}

// TargetState is what the sandbox knows of a target.
type TargetState struct {
	Live  string                    // the password that the provider regards as set
	Asked struct{ OK, Refused int } // logins
	Calls int                       // that would change it, whatever became of them; throttled ones left out

	Throttled int // calls that would change it, and were answered that there are too many
}

// State returns every target's state, by provider and target.
func (b *Sandbox) State(ctx context.Context) (map[string]map[string]TargetState, error) {
	var answer struct {
		Providers map[string]map[string]TargetState
	}
	err := b.Ask(ctx, http.MethodGet, "/state", nil, &answer)
	return answer.Providers, err
}

// Counts are some of a provider's counters.
type Counts struct {
	Accepted    int `json:"accepted"`
	LostReplies int `json:"lost_replies"`
	RateLimited int `json:"rate_limited"`
	Repeats     int `json:"repeats"`
	KeyRefusals int `json:"key_refusals"`
}

// Stats returns the counters by provider.
func (b *Sandbox) Stats(ctx context.Context) (map[string]Counts, error) {
	var answer struct{ Providers map[string]Counts }
	err := b.Ask(ctx, http.MethodGet, "/stats", nil, &answer)
	return answer.Providers, err
}

// ErrRefused is a password that the submission server does not accept.
var ErrRefused = errors.New("the login is refused")

// LogIn logs in at a provider's submission server as a program that sends mail does. It returns ErrRefused for 535.
func (b *Sandbox) LogIn(ctx context.Context, provider, username, password string) error {
	pem, err := os.ReadFile(b.CAFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s is not a PEM file", b.CAFile)
	}
	host, _, err := net.SplitHostPort(b.SMTP[provider])
	if err != nil {
		return err
	}
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(ctx, "tcp", b.SMTP[provider])
	if err != nil {
		return err
	}
	defer conn.Close()
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	err = client.Auth(smtp.PlainAuth("", username, password, host))
	var answer *textproto.Error
	if errors.As(err, &answer) && answer.Code == 535 {
		return ErrRefused
	}
	if err != nil {
		return err
	}
	return client.Quit()
}
