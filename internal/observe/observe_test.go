package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/observe"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestALineCarriesTheRotationThatItsContextIsForOnce(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]string{"": "from-context", "its-own": "its-own"} {
		var out bytes.Buffer
		log := observe.NewLogger(&out, slog.LevelInfo).With("process", "worker")
		ctx := rotation.WithID(t.Context(), "from-context")
		if own == "" {
			log.InfoContext(ctx, "rotated", "credential", "a")
		} else {
			log.InfoContext(ctx, "rotated", "credential", "a", "rotation_id", own)
		}
		log.DebugContext(ctx, "below the level")

		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("not one line of JSON: %v: %s", err, out.String())
		}
		for k, v := range map[string]any{"msg": "rotated", "process": "worker", "rotation_id": want, "credential": "a"} {
			if line[k] != v {
				t.Errorf("%s = %v, want %v", k, line[k], v)
			}
		}
		if n := strings.Count(out.String(), `"rotation_id"`); n != 1 {
			t.Errorf("rotation_id stands %d times", n)
		}
	}
}

func TestALineOfNoRotationHasNoID(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	observe.NewLogger(&out, slog.LevelInfo).InfoContext(rotation.WithID(t.Context(), ""), "started")
	if strings.Contains(out.String(), "rotation_id") {
		t.Error(out.String())
	}
}

func TestMetricsNeverCarryACredentialOrASecret(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics()
	const canary = "canary-5f2c"
	cred := &rotation.Credential{ID: canary + "@example.com", Account: "mail-1", Target: canary, Username: canary}
	m.Called(cred, "UpdateEmailSmtpPassWord", nil, time.Second)
	m.Called(cred, "UpdateEmailSmtpPassWord", &rotation.Error{Kind: rotation.RateLimited, Code: canary, Err: errors.New(canary)}, time.Second)
	m.Called(cred, "UpdateEmailSmtpPassWord", errors.New(canary), time.Second)
	m.Verified(cred, rotation.Works, time.Second)
	m.Exposed(cred, time.Second)
	m.LostGeneration(cred)
	m.Job("mail-1", "rotate", "done", time.Second)
	m.Breaker("mail-1", true)
	counting := observe.Counting{Agenda: agenda{}, Metrics: m}
	for _, end := range []rotation.Ending{
		{Promoted: true, Verified: rotation.VerifiedYes, RotationID: canary},
		{Promoted: true, Verified: rotation.VerifiedNo},
		{Promoted: true, Verified: rotation.VerifiedOff},
		{State: rotation.Quarantined, Why: canary},
		{State: rotation.Quarantined, Why: canary, Found: true}, // a job that was asked in vain
		{}, // a job whose slot was served: no rotation ended
	} {
		if err := counting.Settle(t.Context(), cred, end); err != nil {
			t.Fatal(err)
		}
	}

	// A notice that Redis does not take is counted all the same.
	noting := observe.Noting{Notices: noNotices{}, Metrics: m}
	if err := noting.Note(t.Context(), cred, rotation.Notice{Kind: rotation.NoticeUnverified, Detail: canary}); !errors.Is(err, errAway) {
		t.Error(err)
	}

	text := get(t, serve(t, observe.Endpoint{Metrics: m, Ready: ready(nil)}), "/metrics", http.StatusOK)
	if strings.Contains(text, canary) {
		t.Error("the canary is in the metrics")
	}
	for _, want := range []string{
		`keyturn_provider_calls_total{account="mail-1",kind="accepted",op="UpdateEmailSmtpPassWord"} 1`,
		`keyturn_provider_calls_total{account="mail-1",kind="rate limited",op="UpdateEmailSmtpPassWord"} 1`,
		`keyturn_provider_calls_total{account="mail-1",kind="in doubt",op="UpdateEmailSmtpPassWord"} 1`,
		`keyturn_verify_total{account="mail-1",verdict="works"} 1`,
		`keyturn_exposure_seconds_count{account="mail-1"} 1`,
		`keyturn_lost_generations_total{account="mail-1"} 1`,
		`keyturn_runs_total{account="mail-1",kind="rotate",outcome="done"} 1`,
		`keyturn_breaker_transitions_total{account="mail-1",to="open"} 1`,
		`keyturn_rotations_total{account="mail-1",outcome="verified"} 1`,
		`keyturn_rotations_total{account="mail-1",outcome="unverified"} 1`,
		`keyturn_rotations_total{account="mail-1",outcome="unchecked"} 1`,
		`keyturn_rotations_total{account="mail-1",outcome="quarantined"} 1`,
		`keyturn_notices_total{account="mail-1",kind="promoted_unverified"} 1`,
		`keyturn_build_info{`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if n := strings.Count(text, "\nkeyturn_rotations_total{"); n != 4 {
		t.Errorf("%d series of rotations, want 4", n)
	}
}

var errAway = errors.New("redis is away")

type noNotices struct{}

func (noNotices) Note(context.Context, *rotation.Credential, rotation.Notice) error { return errAway }

// What the reference does not have would be shown without a word of what it means.
func TestAMetricThatTheReferenceDoesNotHaveIsNotMade(t *testing.T) {
	t.Parallel()
	made := func(name string) (made bool) {
		defer func() { made = !strings.HasSuffix(fmt.Sprint(recover()), " is not a gauge of Families") }()
		observe.NewMetrics().Gauge(name, func(context.Context) ([]observe.Sample, error) { return nil, nil })
		return true
	}
	for _, name := range []string{"keyturn_unheard_of", "keyturn_runs_total"} { // the second one is a counter
		if made(name) {
			t.Errorf("%s is made a gauge", name)
		}
	}
}

func TestAGaugeThatCannotBeReadLeavesTheOthersStanding(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics()
	m.Gauge("keyturn_queue_paused", func(context.Context) ([]observe.Sample, error) {
		return []observe.Sample{{Labels: []string{"mail-1", "now"}, Value: 1}}, nil
	})
	m.Gauge("keyturn_breaker_open", func(context.Context) ([]observe.Sample, error) {
		return nil, errors.New("redis is away")
	})
	counted := false
	m.Gauge("keyturn_credentials", func(context.Context) ([]observe.Sample, error) {
		if counted {
			return nil, errors.New("redis is away")
		}
		counted = true
		return []observe.Sample{{Labels: []string{"mail-1", "quarantined"}, Value: 2}}, nil
	})
	addr := serve(t, observe.Endpoint{Metrics: m, Ready: ready(nil)})
	get(t, addr, "/metrics", http.StatusOK)
	text := get(t, addr, "/metrics", http.StatusOK)
	for _, want := range []string{
		`keyturn_queue_paused{account="mail-1",queue="now"} 1`,
		`keyturn_unread_total{gauge="breaker_open"}`,
		`keyturn_credentials{account="mail-1",state="quarantined"} 2`, // as it was read last
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing: %s", want)
		}
	}
}

func TestReadinessIsAskedAndToldOnAnyAddress(t *testing.T) {
	t.Parallel()
	why := errors.New("the clock is 400 s off")
	good := serve(t, observe.Endpoint{Metrics: observe.NewMetrics(), Ready: ready(nil)})
	bad := serve(t, observe.Endpoint{Metrics: observe.NewMetrics(), Ready: ready(why)})
	if err := observe.CheckHealth(t.Context(), good); err != nil {
		t.Error(err)
	}
	_, port, _ := strings.Cut(good, ":")
	for _, host := range []string{"", "0.0.0.0", "[::]"} {
		if err := observe.CheckHealth(t.Context(), host+":"+port); err != nil {
			t.Errorf("host %q: %v", host, err)
		}
	}
	err := observe.CheckHealth(t.Context(), bad)
	if !errors.Is(err, observe.ErrNotReady) || !strings.Contains(err.Error(), why.Error()) {
		t.Errorf("got %v", err)
	}
	get(t, bad, "/healthz", http.StatusOK)
	if err := observe.CheckHealth(t.Context(), "127.0.0.1:1"); err == nil || errors.Is(err, observe.ErrNotReady) {
		t.Errorf("no process listens, and got %v", err)
	}
}

func TestWhatKeepsAProcessFromBeingReadyIsShownPrintable(t *testing.T) {
	t.Parallel()
	addr := serve(t, observe.Endpoint{Metrics: observe.NewMetrics(), Ready: ready(errors.New("vault says \x1b[2J\u202e"))})
	if text := get(t, addr, "/readyz", http.StatusServiceUnavailable); strings.ContainsAny(text, "\x1b\u202e") || !strings.Contains(text, "vault says") {
		t.Errorf("got %q", text)
	}
}

func TestHealthIsLoggedWhenItChangesOnly(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := observe.NewHealth(observe.NewLogger(&out, slog.LevelInfo))
	var now error
	check := h.Watch(map[string]func(context.Context) error{"redis": func(context.Context) error { return now }})
	for _, now = range []error{nil, errors.New("away"), errors.New("still away"), nil, nil} {
		if err := check(t.Context()); (err != nil) != (now != nil) {
			t.Errorf("redis %v, health %v", now, err)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines, want one for each change:\n%s", n, out.String())
	}
}

func ready(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// serve serves until the test ends and returns host:port.
func serve(t *testing.T, e observe.Endpoint) string {
	t.Helper()
	e.Log = slog.New(slog.DiscardHandler)
	l, err := observe.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- e.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func get(t *testing.T, addr, path string, status int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status {
		t.Errorf("%s: HTTP %d, want %d", path, res.StatusCode, status)
	}
	return string(body)
}

// agenda is a rotation.Agenda of which only Settle is used.
type agenda struct{ rotation.Agenda }

func (agenda) Settle(context.Context, *rotation.Credential, rotation.Ending) error { return nil }

func TestASecretStaysUnreadInALine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	const canary = "canary-81aa"
	log := observe.NewLogger(&out, slog.LevelInfo)
	value := secret.New(canary)
	log.InfoContext(t.Context(), "x", "value", value, "pointer", &value, "struct", struct{ V secret.Value }{value})
	if strings.Contains(out.String(), canary) {
		t.Error("the secret is in the line")
	}
}
