package devenv

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"
)

// ErrNoMail means that the machine has no Postfix and Dovecot, or that this process is not root, which Postfix insists on.
var ErrNoMail = errors.New("no Postfix and Dovecot, or not root to start them (Debian, Ubuntu: apt-get install postfix dovecot-core)")

// MailOptions says how to start a mail server; the zero value is one as Debian ships it.
type MailOptions struct {
	LoginsPerMinute int // Postfix's smtpd_client_auth_rate_limit; none if 0
	// NoPenalty lets Dovecot refuse at once. By default it waits 2 s, and longer for each refusal of the same address.
	NoPenalty bool
}

// Mail is a running submission server: Postfix, which asks Dovecot about passwords.
type Mail struct {
	Postfix, Dovecot *Process

	Addr     string // host:port, TLS from the first byte
	STARTTLS string // host:port
	CAFile   string // PEM
	Log      string // Postfix's, with a line for each refusal, as fail2ban reads it

	dir  string
	mu   sync.Mutex
	lost bool
}

const postfixMaster = "/usr/lib/postfix/sbin/master"

// StartMail starts a submission server that knows no password yet, with its files in a folder of its own.
func StartMail(ctx context.Context, opts MailOptions) (*Mail, error) {
	dovecot, err := exec.LookPath("dovecot")
	if err != nil || os.Geteuid() != 0 {
		return nil, ErrNoMail
	}
	if _, err := os.Stat(postfixMaster); err != nil {
		return nil, ErrNoMail
	}
	// Not the folder of a test: Postfix's own user must get in, and a socket's path has 108 bytes at most.
	dir, err := os.MkdirTemp("", "mail")
	if err != nil {
		return nil, err
	}
	m := &Mail{CAFile: filepath.Join(dir, "ca.pem"), Log: filepath.Join(dir, "mail.log"), dir: dir}
	if err := m.start(ctx, dovecot, opts); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

func (m *Mail) start(ctx context.Context, dovecot string, opts MailOptions) error {
	if err := errors.Join(os.Chmod(m.dir, 0o755), m.certificate()); err != nil { //nolint:gosec // Postfix and Dovecot run as users of their own
		return err
	}
	ports := make([]int, 2)
	for i := range ports {
		var err error
		if ports[i], err = FreePort(ctx); err != nil {
			return err
		}
	}
	m.Addr, m.STARTTLS = loopback(ports[0]), loopback(ports[1])
	if err := m.configure(opts); err != nil {
		return err
	}
	var err error
	m.Dovecot, err = Start(ctx, Command{
		Path: dovecot, Args: []string{"-F", "-c", m.path("dovecot.conf")}, Dir: m.dir,
		Probe: func(context.Context, int) error { _, err := os.Stat(m.path("queue/private/auth")); return err },
	})
	if err != nil {
		return err
	}
	m.Postfix, err = Start(ctx, Command{
		Name: "postfix", Path: postfixMaster, Args: []string{"-c", m.dir, "-d"}, Dir: m.dir,
		Probe: func(ctx context.Context, _ int) error { return m.greets(ctx) },
	})
	return err
}

// greets waits until Postfix answers over TLS.
func (m *Mail) greets(ctx context.Context) error {
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it only looks whether a server answers
	conn, err := dialer.DialContext(ctx, "tcp", m.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Read(make([]byte, 1))
	return err
}

// Stop ends both processes and removes what they wrote.
func (m *Mail) Stop() error {
	var problems []error
	for _, p := range []*Process{m.Postfix, m.Dovecot} {
		if p != nil {
			problems = append(problems, stopMaster(p))
		}
	}
	return errors.Join(append(problems, os.RemoveAll(m.dir))...)
}

// StopDovecot leaves Postfix without anybody to ask.
func (m *Mail) StopDovecot() error { return stopMaster(m.Dovecot) }

// stopMaster ends a process whose children end a moment later, and hold its output until then.
func stopMaster(p *Process) error {
	if err := p.Stop(); !errors.Is(err, exec.ErrWaitDelay) {
		return err
	}
	return nil
}

// SetPassword makes a password the one that the server accepts for a login: at once, but that Dovecot looks only once in a
// second at what it was asked about. While the passwords are lost it is known once they are found.
func (m *Mail) SetPassword(login, password string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	users := "users"
	if m.lost {
		users = "lost"
	}
	next := m.path("next")
	//nolint:gosec // Dovecot reads it as a user of its own
	if err := os.WriteFile(next, fmt.Appendf(nil, "%s:{PLAIN}%s\n", login, password), 0o644); err != nil {
		return err
	}
	return os.Rename(next, m.path(filepath.Join(users, login)))
}

// LosePasswords takes the passwords away: the server refuses everybody.
func (m *Mail) LosePasswords() error { return m.move(true, "users", "lost") }

// FindPasswords brings them back.
func (m *Mail) FindPasswords() error { return m.move(false, "lost", "users") }

func (m *Mail) move(lost bool, from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost = lost
	return os.Rename(m.path(from), m.path(to))
}

func (m *Mail) path(name string) string { return filepath.Join(m.dir, name) }

//go:embed mail.tmpl
var mailText string

var mailTemplate = template.Must(template.New("mail").Parse(mailText))

// configure writes the configuration files, each a section of one template.
func (m *Mail) configure(opts MailOptions) error {
	postfix, err := user.Lookup("postfix")
	if err != nil {
		return ErrNoMail
	}
	uid, err := strconv.Atoi(postfix.Uid)
	if err != nil {
		return err
	}
	for _, name := range []string{"data", "queue", "queue/pid", "queue/private", "queue/public", "run", "users"} {
		if err := os.Mkdir(m.path(name), 0o755); err != nil { //nolint:gosec // as above
			return err
		}
	}
	for _, name := range []string{"data", "queue/private", "queue/public"} {
		if err := os.Chown(m.path(name), uid, -1); err != nil {
			return err
		}
	}
	for _, name := range []string{"main.cf", "master.cf", "dovecot.conf"} {
		var text strings.Builder
		err := mailTemplate.ExecuteTemplate(&text, name, map[string]any{"Dir": m.dir, "Addr": m.Addr, "STARTTLS": m.STARTTLS, "Options": opts})
		if err == nil {
			err = os.WriteFile(m.path(name), []byte(strings.TrimLeft(text.String(), "\n")), 0o644) //nolint:gosec // as above
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// certificate makes a key and a certificate for 127.0.0.1 that is its own authority.
func (m *Mail) certificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now() //nolint:forbidigo // what a certificate is valid for goes by the machine's clock
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail server of a test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	write := func(name, kind string, block []byte) error {
		return os.WriteFile(m.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: block}), 0o600)
	}
	return errors.Join(write("ca.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret))
}
