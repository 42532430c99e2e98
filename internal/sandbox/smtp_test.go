package sandbox

import (
	"bufio"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func TestSMTPAcceptsTheOldPasswordUntilTheNewOneHasArrived(t *testing.T) {
	t.Parallel()
	b := start(t)
	const old = "OLdpass12345"
	b.setTencent(old)
	b.inject(Fault{Kind: Propagation, Delay: Duration(5 * time.Second)})
	if code := tencentCode(t, b.setTencent(newPassword)); code != "" {
		t.Fatal(code)
	}
	b.clock.advance(3 * time.Second)
	if was, is := b.login(TencentSES, sender, old), b.login(TencentSES, sender, newPassword); was != 235 || is != 535 {
		t.Errorf("before: old %d, new %d", was, is)
	}
	if s := b.state(TencentSES, sender); s.Live != newPassword || s.Serving != old {
		t.Errorf("state %+v", s)
	}
	b.clock.advance(3 * time.Second)
	if was, is := b.login(TencentSES, sender, old), b.login(TencentSES, sender, newPassword); was != 535 || is != 235 {
		t.Errorf("after: old %d, new %d", was, is)
	}
}

func TestAPasswordThatIsStillOnItsWayNeverReplacesANewerOne(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.inject(Fault{Kind: Propagation, Delay: Duration(time.Minute)})
	b.setTencent("OLdpass12345")
	b.setTencent(newPassword)
	b.clock.advance(2 * time.Minute)
	if code := b.login(TencentSES, sender, newPassword); code != 235 {
		t.Errorf("new password: %d", code)
	}
}

func TestStateTellsWhichTargetLoggedIn(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.setTencent(newPassword)
	b.resetKirim()
	b.login(TencentSES, sender, newPassword)
	b.login(TencentSES, sender, newPassword)
	b.login(TencentSES, sender, "OLdpass12345")
	if got, want := b.state(TencentSES, sender).Asked, (Logins{OK: 2, Refused: 1}); got != want {
		t.Errorf("asked %+v, want %+v", got, want)
	}
	if got := b.State()[KirimEmail]; len(got) != 1 {
		t.Fatalf("targets %v", got)
	} else {
		for target, s := range got {
			if s.Asked != (Logins{}) {
				t.Errorf("%s was never asked about: %+v", target, s.Asked)
			}
		}
	}
}

func TestKirimSaysWhenTheSMTPSideIsNotSynced(t *testing.T) {
	t.Parallel()
	b := start(t)
	first := readKirim(t, b.resetKirim()).Data.NewPassword
	b.inject(Fault{Kind: NotSynced, Delay: Duration(10 * time.Second)}, Fault{Kind: LoseReply})
	if a := b.resetKirim(); a.err == nil {
		t.Fatal("both faults should strike one call")
	}
	b.inject(Fault{Kind: NotSynced, Delay: Duration(10 * time.Second)})
	out := readKirim(t, b.resetKirim())
	if out.Data.RemoteSynced {
		t.Error("remote_synced is true")
	}
	if was, is := b.login(KirimEmail, "myuser", first), b.login(KirimEmail, "myuser", out.Data.NewPassword); was != 235 || is != 535 {
		t.Errorf("before: old %d, new %d", was, is)
	}
	b.clock.advance(11 * time.Second)
	if is := b.login(KirimEmail, "myuser", out.Data.NewPassword); is != 235 {
		t.Errorf("after: new %d", is)
	}
}

func TestSMTPTakesPlainAndLoginOverEitherKindOfTLS(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.setTencent(newPassword)
	mechanisms := map[string]func(password string) sasl.Client{
		"PLAIN": func(p string) sasl.Client { return sasl.NewPlainClient("", sender, p) },
		"LOGIN": func(p string) sasl.Client { return sasl.NewLoginClient(sender, p) },
	}
	dial := map[string]func() (*smtp.Client, error){
		"implicit": func() (*smtp.Client, error) { return smtp.DialTLS(b.Ready().SMTP[TencentSES], b.trust()) },
		"STARTTLS": func() (*smtp.Client, error) { return smtp.DialStartTLS(b.Ready().STARTTLS[TencentSES], b.trust()) },
	}
	for name, open := range dial {
		for mech, client := range mechanisms {
			for password, want := range map[string]int{newPassword: 235, "WRong12345678": 535} {
				c, err := open()
				if err != nil {
					t.Fatal(err)
				}
				if got := smtpCode(t, c.Auth(client(password))); got != want {
					t.Errorf("%s %s: %d, want %d", name, mech, got, want)
				}
				if want == 235 {
					if err := c.Mail(sender, nil); smtpCode(t, err) != 550 {
						t.Errorf("MAIL: %v, want 550", err)
					}
				}
				_ = c.Close()
			}
		}
	}
	if s := b.Stats()[TencentSES]; s.LoginsOK != 4 || s.LoginsNo != 4 {
		t.Errorf("stats %+v", s)
	}
}

func TestSMTPDoesNotAuthenticateInClear(t *testing.T) {
	t.Parallel()
	b := start(t)
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", b.Ready().STARTTLS[TencentSES])
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
	if conn, err := dialer.DialContext(t.Context(), "tcp", b.Ready().SMTP[KirimEmail]); err == nil {
		_ = conn.Close()
		t.Error("trusted without the sandbox's authority")
	}
	a := b.do(b.request("GET", b.Ready().Admin+"/ca.pem", ""))
	if a.body != string(b.ca.pem()) || !strings.HasPrefix(a.body, "-----BEGIN CERTIFICATE-----") {
		t.Errorf("GET /ca.pem: %s", a.body)
	}
}

func TestSMTPFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind Kind
		want int
	}{{Unavailable, 454}, {Reject, 535}, {LoseRequest, 0}, {Delaying, 235}}
	for _, test := range tests {
		t.Run(string(test.kind), func(t *testing.T) {
			t.Parallel()
			b := start(t)
			b.setTencent(newPassword)
			b.inject(Fault{Provider: TencentSES, Target: sender, At: AtSMTP, Kind: test.kind, Delay: Duration(time.Millisecond)})
			if code := b.login(TencentSES, sender, newPassword); code != test.want {
				t.Errorf("%d, want %d", code, test.want)
			}
			if code := b.login(TencentSES, sender, newPassword); code != 235 {
				t.Errorf("the login after: %d", code)
			}
		})
	}
}

func TestStateCountsTheCallsThatWouldChangeATargetApartFromThrottledOnes(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.setTencent(newPassword)
	b.inject(
		Fault{Provider: TencentSES, Kind: RateLimit, Count: 1}, Fault{Provider: TencentSES, Kind: LoseRequest, Count: 1},
		Fault{Provider: TencentSES, Kind: LoseReply, Count: 1},
	)
	for range 3 {
		b.setTencent("OLdpass12345")
	}
	if got, want := b.state(TencentSES, sender).Calls, 3; got != want {
		t.Errorf("%d calls, want %d", got, want)
	}
}
