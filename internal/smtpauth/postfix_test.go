package smtpauth

import (
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// mailServer is a Postfix with a Dovecot that accepts canary for user, and the settings that reach it.
func mailServer(t *testing.T, opts devenv.MailOptions) (mail *devenv.Mail, implicit, starttls Config) {
	t.Helper()
	mail = devenvtest.Mail(t, opts)
	if err := mail.SetPassword(user, canary); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(mail.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	implicit = Config{Addr: mail.Addr, TLS: ImplicitTLS, CA: pool}
	starttls = Config{Addr: mail.STARTTLS, TLS: StartTLS, CA: pool}
	// Dovecot looks at its passwords once a second.
	until(t, implicit, user, canary, rotation.Works)
	return mail, implicit, starttls
}

// until asks until the verdict is the one that comes once a server knows of a change.
func until(t *testing.T, config Config, login, password string, want rotation.Verdict) {
	t.Helper()
	server := newServer(t, config)
	for deadline := time.Now().Add(30 * time.Second); ; {
		verdict, err := server.Verify(t.Context(), login, secret.New(password))
		if verdict == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %v, %v; want %v", verdict, err, want)
		}
	}
}

// TestPostfixAndDovecotAreUnderstood asks the servers that Debian ships, with HELO checks and Dovecot's penalty.
func TestPostfixAndDovecotAreUnderstood(t *testing.T) {
	t.Parallel()
	mail, implicit, starttls := mailServer(t, devenv.MailOptions{})
	byLogin, short := implicit, implicit
	byLogin.Mechanism = Login
	short.Timeout = 500 * time.Millisecond // Dovecot answers a refusal after two seconds
	for _, step := range []struct {
		name            string
		config          Config
		login, password string
		want            rotation.Verdict
		says            string
	}{
		{"right", implicit, user, canary, rotation.Works, ""},
		{"right, STARTTLS", starttls, user, canary, rotation.Works, ""},
		{"right, LOGIN", byLogin, user, canary, rotation.Works, ""},
		{"wrong, with Dovecot's penalty", implicit, user, "Wrong1", rotation.Refused, ""},
		{"wrong, and no time for the penalty", short, user, "Wrong1", rotation.Unknown, "AUTH: context deadline exceeded"},
		{"unknown, LOGIN", byLogin, "unknown@example.com", canary, rotation.Refused, ""},
		{"right after refusals", starttls, user, canary, rotation.Works, ""},
	} {
		verdict, err := newServer(t, step.config).Verify(t.Context(), step.login, secret.New(step.password))
		if verdict != step.want || (err != nil) != (step.says != "") || err != nil && !strings.Contains(err.Error(), step.says) {
			t.Errorf("%s: %v, %v", step.name, verdict, err)
		}
		noSecret(t, err)
	}
	if err := mail.StopDovecot(); err != nil {
		t.Fatal(err)
	}
	until(t, implicit, user, canary, rotation.Unknown) // its last child lives for a moment more
}

// TestPostfixWithoutPasswordsRefusesEverybody in the words in which it refuses a wrong password: a refusal alone does not
// say which of the two it is.
func TestPostfixWithoutPasswordsRefusesEverybody(t *testing.T) {
	t.Parallel()
	mail, implicit, _ := mailServer(t, devenv.MailOptions{NoPenalty: true})
	if err := mail.LosePasswords(); err != nil {
		t.Fatal(err)
	}
	until(t, implicit, user, canary, rotation.Refused)
	if err := mail.FindPasswords(); err != nil {
		t.Fatal(err)
	}
	until(t, implicit, user, canary, rotation.Works)
}

func TestPostfixsLimitOfLoginsIsNoRefusal(t *testing.T) {
	t.Parallel()
	_, implicit, _ := mailServer(t, devenv.MailOptions{NoPenalty: true, LoginsPerMinute: 5})
	server := newServer(t, implicit)
	for n := 0; ; n++ {
		verdict, err := server.Verify(t.Context(), user, password())
		if verdict == rotation.Unknown && strings.Contains(err.Error(), "the server answered 450 4.7.1") {
			return
		}
		if verdict != rotation.Works || n > 5 {
			t.Fatalf("login %d: %v, %v", n, verdict, err)
		}
	}
}
