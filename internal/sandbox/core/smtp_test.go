package core_test

import (
	"bufio"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestSMTPAcceptsTheOldPasswordUntilTheNewOneHasArrived(t *testing.T) {
	t.Parallel()
	b := start(t)
	const old = "OLdpass12345"
	b.set(old)
	b.Inject(core.Fault{Kind: core.Propagation, Delay: core.Duration(5 * time.Second)})
	if code := refused(t, b.set(newPassword)); code != "" {
		t.Fatal(code)
	}
	b.Clock.Advance(3 * time.Second)
	if was, is := b.login(old), b.login(newPassword); was != 235 || is != 535 {
		t.Errorf("before: old %d, new %d", was, is)
	}
	if s := b.Target(plain, target); s.Live != newPassword || s.Serving != old {
		t.Errorf("state %+v", s)
	}
	b.Clock.Advance(3 * time.Second)
	if was, is := b.login(old), b.login(newPassword); was != 535 || is != 235 {
		t.Errorf("after: old %d, new %d", was, is)
	}
}

func TestAPasswordThatIsStillOnItsWayNeverReplacesANewerOne(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(core.Fault{Kind: core.Propagation, Delay: core.Duration(time.Minute)})
	b.set("OLdpass12345")
	b.set(newPassword)
	b.Clock.Advance(2 * time.Minute)
	if code := b.login(newPassword); code != 235 {
		t.Errorf("new password: %d", code)
	}
}

func TestStateTellsWhichTargetLoggedIn(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.set(newPassword)
	b.Post("/targets", `{"provider":"plain","targets":[{"target":"quiet@example.com"}]}`)
	b.login(newPassword)
	b.login(newPassword)
	b.login("OLdpass12345")
	if got, want := b.Target(plain, target).Asked, (core.Logins{OK: 2, Refused: 1}); got != want {
		t.Errorf("asked %+v, want %+v", got, want)
	}
	if got := b.Target(plain, "quiet@example.com").Asked; got != (core.Logins{}) {
		t.Errorf("one that was never asked about: %+v", got)
	}
}

func TestSMTPTakesPlainAndLoginOverEitherKindOfTLS(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.set(newPassword)
	mechanisms := map[string]func(password string) sasl.Client{
		"PLAIN": func(p string) sasl.Client { return sasl.NewPlainClient("", target, p) },
		"LOGIN": func(p string) sasl.Client { return sasl.NewLoginClient(target, p) },
	}
	dial := map[string]func() (*smtp.Client, error){
		"implicit": func() (*smtp.Client, error) { return smtp.DialTLS(b.Ready().SMTP[plain], b.Trust()) },
		"STARTTLS": func() (*smtp.Client, error) { return smtp.DialStartTLS(b.Ready().STARTTLS[plain], b.Trust()) },
	}
	for name, open := range dial {
		for mech, client := range mechanisms {
			for password, want := range map[string]int{newPassword: 235, "WRong12345678": 535} {
				c, err := open()
				if err != nil {
					t.Fatal(err)
				}
				if got := sandboxtest.SMTPCode(c.Auth(client(password))); got != want {
					t.Errorf("%s %s: %d, want %d", name, mech, got, want)
				}
				if want == 235 {
					if err := c.Mail(target, nil); sandboxtest.SMTPCode(err) != 550 {
						t.Errorf("MAIL: %v, want 550", err)
					}
				}
				_ = c.Close()
			}
		}
	}
	if s := b.Stats()[plain]; s.LoginsOK != 4 || s.LoginsNo != 4 {
		t.Errorf("stats %+v", s)
	}
}

func TestSMTPDoesNotAuthenticateInClear(t *testing.T) {
	t.Parallel()
	b := start(t)
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", b.Ready().STARTTLS[plain])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewScanner(conn)
	in.Scan() // the greeting
	send := func(line string) (replies []string) {
		if _, err := conn.Write([]byte(line + "\r\n")); err != nil {
			t.Fatal(err)
		}
		for in.Scan() {
			replies = append(replies, in.Text())
			if len(in.Text()) < 4 || in.Text()[3] == ' ' {
				break
			}
		}
		return replies
	}
	if caps := strings.Join(send("EHLO client.example.com"), "\n"); strings.Contains(caps, "AUTH") || !strings.Contains(caps, "STARTTLS") {
		t.Errorf("EHLO: %s", caps)
	}
	if got := send("AUTH PLAIN AHgAeQ==")[0]; !strings.HasPrefix(got, "523") {
		t.Errorf("AUTH: %s", got)
	}
}

func TestSMTPCertificateIsSignedByTheServedAuthorityOnly(t *testing.T) {
	t.Parallel()
	b := start(t)
	dialer := tls.Dialer{Config: &tls.Config{ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}}
	if conn, err := dialer.DialContext(t.Context(), "tcp", b.Ready().SMTP[plain]); err == nil {
		_ = conn.Close()
		t.Error("trusted without the sandbox's authority")
	}
	a := b.Do(b.Request("GET", b.Ready().Admin+"/ca.pem", ""))
	if a.Body != string(b.CA()) || !strings.HasPrefix(a.Body, "-----BEGIN CERTIFICATE-----") {
		t.Errorf("GET /ca.pem: %s", a.Body)
	}
}

func TestSMTPFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind core.Kind
		want int
	}{{core.Unavailable, 454}, {core.Reject, 535}, {core.LoseRequest, 0}, {core.Delaying, 235}}
	for _, test := range tests {
		t.Run(string(test.kind), func(t *testing.T) {
			t.Parallel()
			b := start(t)
			b.set(newPassword)
			b.Inject(core.Fault{Provider: plain, Target: target, At: core.AtSMTP, Kind: test.kind, Delay: core.Duration(time.Millisecond)})
			if code := b.login(newPassword); code != test.want {
				t.Errorf("%d, want %d", code, test.want)
			}
			if code := b.login(newPassword); code != 235 {
				t.Errorf("the login after: %d", code)
			}
		})
	}
}

func TestStateCountsTheCallsThatWouldChangeATargetApartFromThrottledOnes(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.set(newPassword)
	b.Inject(
		core.Fault{Provider: plain, Kind: core.RateLimit, Count: 1}, core.Fault{Provider: plain, Kind: core.LoseRequest, Count: 1},
		core.Fault{Provider: plain, Kind: core.LoseReply, Count: 1},
	)
	for range 3 {
		b.set("OLdpass12345")
	}
	if got := b.Target(plain, target); got.Calls != 3 || got.Throttled != 1 {
		t.Errorf("%d calls and %d throttled, want 3 and 1", got.Calls, got.Throttled)
	}
}
