package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app/apptest"
	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/doctor"
	"keyturn/internal/due"
)

// clinic is a stage on which everything is in order, and a scheduler runs.
func clinic(t *testing.T) *apptest.Stage {
	t.Helper()
	s := apptest.New(t)
	s.Redis = devenvtest.RedisWith(t, devenv.RedisOptions{Dir: t.TempDir()})
	s.SES("one", "first: manual")
	s.Kirim("two", "first: manual")
	s.Configure(apptest.Settings{})
	s.Start("scheduler")
	return s
}

// examine runs the doctor on a configuration.
func examine(t *testing.T, s *apptest.Stage, text string, args ...string) (doctor.Report, int) {
	t.Helper()
	path := s.WriteFile("doctor-"+strings.ReplaceAll(t.Name(), "/", "-")+".yaml", text)
	output, status := s.Ctl(append([]string{"doctor", "-o", "json", "-c", path}, args...)...)
	var r doctor.Report
	if err := json.NewDecoder(strings.NewReader(output)).Decode(&r); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, secret := range []string{s.Vault.Token, s.Keys.SESKey, s.Keys.KirimToken, s.Keys.SESID} {
		if strings.Contains(output, secret) {
			t.Error("it shows a secret")
		}
	}
	return r, status
}

func TestTheDoctorFindsNothingWhereEverythingIsInOrder(t *testing.T) {
	t.Parallel()
	s := clinic(t)
	text := s.Config(apptest.Settings{}, s.Creds...)
	before := s.Box.Stats()
	r, status := examine(t, s, text)
	areas := map[doctor.Area]int{}
	for _, f := range r.Findings {
		areas[f.Area]++
		slow := strings.HasPrefix(f.What, "a round trip takes") // this machine is loaded
		if f.Severity != doctor.OK && !slow {
			t.Errorf("%+v", f)
		}
	}
	if status != 0 {
		t.Errorf("status %d", status)
	}
	want := map[doctor.Area]int{
		doctor.AreaRedis: 7, doctor.AreaVault: 3, doctor.AreaClock: 4, doctor.AreaProvider: 2, doctor.AreaMail: 2, doctor.AreaRate: 2,
		doctor.AreaSchedulers: 1, doctor.AreaQueue: 1,
	}
	for area, n := range want {
		if areas[area] != n {
			t.Errorf("%d findings about %s, want %d", areas[area], area, n)
		}
	}
	for provider, after := range s.Box.Stats() {
		if was := before[provider]; after.Accepted != was.Accepted || after.Reads != was.Reads || after.LoginsOK+after.LoginsNo != was.LoginsOK+was.LoginsNo {
			t.Errorf("%s was called, or logged in to: %+v, before %+v", provider, after, was)
		}
	}
}

// red is something that is not as it must be, and what the doctor says of it.
type red struct {
	area     doctor.Area
	severity doctor.Severity
	what     string
	fix      string // in Fix or a command
}

func TestTheDoctorNamesWhatIsWrongAndHowToMendIt(t *testing.T) {
	t.Parallel()
	s := clinic(t)
	good := s.Config(apptest.Settings{}, s.Creds...)
	for _, tt := range []struct {
		name string
		edit func(t *testing.T) string // of the configuration
		red
	}{
		{"eviction", func(t *testing.T) string {
			t.Helper()
			evicting := devenvtest.RedisWith(t, devenv.RedisOptions{Args: []string{"--maxmemory-policy", "allkeys-lru"}})
			return strings.ReplaceAll(good, s.Redis.Addr, evicting.Addr)
		}, red{doctor.AreaRedis, doctor.Error, "maxmemory-policy is allkeys-lru", "config set maxmemory-policy noeviction"}},
		{"a command that the user may not send", func(t *testing.T) string {
			t.Helper()
			admin(t, s, "acl", "setuser", "narrow", "on", ">narrow", "~asynq:*", "~keyturn:*", "&asynq:*", "+@all", "-@scripting")
			path := s.WriteFile("narrow", "narrow")
			return strings.Replace(good, "redis: {", `redis: {username: narrow, password: {file: "`+path+`"}, `, 1)
		}, red{doctor.AreaRedis, doctor.Error, "user narrow may not run scripts on asynq:*, run scripts on keyturn:*", "ACL SETUSER narrow ~asynq:* ~keyturn:*"}},
		{"a right in Vault", func(t *testing.T) string {
			t.Helper()
			return withToken(good, token(t, s, `path "secret/data/mail/*" { capabilities = ["read"] }
				path "keyturn-journal/data/*" { capabilities = ["create", "read", "update"] }
				path "keyturn-journal/config" { capabilities = ["read"] }`, map[string]any{"period": "24h"}))
		}, red{doctor.AreaVault, doctor.Error, "the token lacks create, update on secret/data/mail/", `path "secret/data/mail/` + s.Name + `/*" { capabilities = ["create", "read", "update"] }`}},
		{"a short token", func(t *testing.T) string {
			t.Helper()
			return withToken(good, token(t, s, policyOfWorkers(t), map[string]any{"ttl": "5m", "explicit_max_ttl": "5m"}))
		}, red{doctor.AreaVault, doctor.Error, ", whatever is renewed", "vault token create -orphan -period=24h"}},
		{"a clock", func(t *testing.T) string {
			t.Helper()
			late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
			}))
			t.Cleanup(late.Close)
			return endpoint(s, good, late.URL)
		}, red{doctor.AreaClock, doctor.Error, "ahead of it", "timedatectl set-ntp true"}},
		{
			"a provider that is away", func(*testing.T) string { return endpoint(s, good, "http://127.0.0.1:1") },
			red{doctor.AreaProvider, doctor.Error, "cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused", "correct the endpoint"},
		},
		{"a provider's certificate", func(t *testing.T) string {
			t.Helper()
			other := httptest.NewUnstartedServer(nil)
			other.Config.ErrorLog = log.New(io.Discard, "", 0)
			other.StartTLS()
			t.Cleanup(other.Close)
			return endpoint(s, good, other.URL)
		}, red{doctor.AreaProvider, doctor.Error, "cannot be reached: tls: failed to verify certificate", "ca_file"}},
		{"a mail server without AUTH", func(t *testing.T) string {
			t.Helper()
			addr, ca := devenvtest.MuteMail(t)
			return strings.NewReplacer(s.Box.Ready().SMTP["tencent-ses"], addr, filepath.Join(s.Dir, "ca.pem"), ca).Replace(good)
		}, red{doctor.AreaMail, doctor.Error, "AUTH: the server does not offer AUTH here", "465 or 587"}},
		{
			"a rate", func(*testing.T) string { return strings.Replace(good, "rate: [500/s]", "rate: [1/2d]", 1) },
			red{doctor.AreaRate, doctor.Error, "a day fall due", "set accounts.ses.rate to"},
		},
		{
			"another configuration", func(*testing.T) string { return strings.Replace(good, "rate: [500/s]", "rate: [499/s]", 1) },
			red{doctor.AreaSchedulers, doctor.Warning, "all use another configuration", "name the file that they use"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, status := examine(t, s, tt.edit(t), "--strict")
			tt.in(t, r)
			want := 2
			if tt.severity == doctor.Warning {
				want = 1
			}
			if status != want {
				t.Errorf("status %d, want %d", status, want)
			}
		})
	}
}

// in demands that a report says it, and says why it matters.
func (want red) in(t *testing.T, r doctor.Report) {
	t.Helper()
	for _, f := range r.Findings {
		fix := f.Fix + "\n" + strings.Join(f.Commands, "\n")
		if f.Area == want.area && f.Severity == want.severity && strings.Contains(f.What, want.what) && strings.Contains(fix, want.fix) && f.Why != "" {
			return
		}
	}
	t.Errorf("no %s about %s %q with %q in\n%+v", want.severity, want.area, want.what, want.fix, r.Findings)
}

func TestTheDoctorFindsSchedulersThatUseTwoConfigurationsAndQueuesThatDoNotMove(t *testing.T) {
	t.Parallel()
	s := clinic(t)
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	if _, err := due.NewIndex(rdb).Announce(t.Context(), "another 0123456789abcdef", ""); err != nil {
		t.Fatal(err)
	}
	admin(t, s, "set", "asynq:{ses}:paused", "1")
	admin(t, s, "zadd", "asynq:{kirim}:archived", "1", "two")
	r, status := examine(t, s, s.Config(apptest.Settings{}, s.Creds...))
	for _, want := range []red{
		{doctor.AreaSchedulers, doctor.Error, "2 schedulers use 2 configurations: 1 with 0123456789ab", "SIGHUP"},
		{doctor.AreaQueue, doctor.Error, "a person paused it", "rotatectl unpause ses"},
		{doctor.AreaQueue, doctor.Error, "1 archived jobs", "asynq task deleteall --queue=kirim --state=archived"},
	} {
		want.in(t, r)
	}
	if status != 2 || r.Errors != 3 {
		t.Errorf("status %d, %d errors", status, r.Errors)
	}
}

func TestWhatIsAwayHidesNothingElseFromTheDoctor(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.SES("one", "first: manual")
	text := strings.NewReplacer(s.Redis.Addr, "127.0.0.1:1", s.Vault.Addr, "http://127.0.0.1:1", s.Box.Ready().SMTP["tencent-ses"], "127.0.0.1:1").
		Replace(s.Config(apptest.Settings{}, s.Creds...))
	r, status := examine(t, s, text)
	for _, want := range []red{
		{doctor.AreaRedis, doctor.Error, "does not answer", "redis.address"},
		{doctor.AreaVault, doctor.Error, "does not answer", "vault.address"},
		{doctor.AreaMail, doctor.Error, "connect: ", "verify.smtp.address"},
	} {
		want.in(t, r)
	}
	found := map[doctor.Severity]int{}
	for _, f := range r.Findings {
		found[f.Severity]++
	}
	// Both providers, their clocks and the rate of the account that has a credential.
	if status != 2 || found[doctor.Error] != 3 || found[doctor.OK] != 5 || found[doctor.Skipped] != 3 {
		t.Errorf("status %d, %v\n%+v", status, found, r.Findings)
	}
}

func TestFindingsFitTheirWidthAndSayNothingThatATerminalObeys(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a word and another, ", 20)
	var out strings.Builder
	err := printFindings(&out, []doctor.Finding{
		{Area: doctor.AreaVault, Subject: "default", Severity: doctor.Error, What: long, Why: long, Fix: long},
		{Area: doctor.AreaVault, Subject: hostile, Severity: doctor.Error, What: hostile, Why: hostile, Fix: hostile, Commands: []string{"vault write " + hostile}},
		{Area: doctor.AreaSchedulers, Subject: "all", Severity: doctor.OK, What: "2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(line) - 1; n > doctorWidth && !strings.Contains(line, "forged") { // a word is not broken
			t.Errorf("%d characters: %s", n, line)
		}
	}
	if strings.ContainsAny(out.String(), "\x1b\u202e\x07") || strings.Contains(out.String(), "\nforged") {
		t.Errorf("%q", out.String())
	}
	if !strings.HasSuffix(out.String(), "\nok       schedulers all: 2\n") {
		t.Errorf("%s", out.String())
	}
}
