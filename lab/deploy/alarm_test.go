package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/app/apptest"
	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/sandbox/core"
)

// provocation is how real programs are brought into the state that an alert is about.
type provocation struct {
	// stage prepares what the fleet needs from the start, and returns sections of its configuration.
	stage func(t *testing.T, s *apptest.Stage) (top string)
	// provoke brings it about; c is a credential that has never been rotated.
	provoke func(n *scene, c apptest.Credential)
	overlap bool // c is an overlap
}

var provocations = map[string]provocation{
	"KeyturnNoScheduler": {provoke: func(n *scene, _ apptest.Credential) { n.end(n.scheduler, n.scheduler.Stop) }},
	"KeyturnNotReady":    {stage: vaultOfItsOwn, provoke: sealVault},
	"KeyturnJobsWait": {provoke: func(n *scene, c apptest.Credential) {
		n.end(n.worker, n.worker.Stop)
		n.rotate(c)
	}},
	"KeyturnBreakerOpen":       {provoke: refuseKey},
	"KeyturnQuarantined":       {provoke: faulty(core.NotFound, always)},
	"KeyturnOpenRotationLate":  {provoke: leaveOpen},
	"KeyturnSecretDeleted":     {provoke: deleteSecret},
	"KeyturnMailServerRefuses": {provoke: refuseLogins},
	"KeyturnJobPanicked":       {provoke: runDefectiveWorker},
	"KeyturnNotice":            {provoke: faulty(core.Unavailable, atSMTP)},
	"KeyturnOverdue":           {provoke: fallBehind},
	"KeyturnNotRetired":        {provoke: keepIdentity, overlap: true},
	"KeyturnQueuePaused":       {provoke: func(n *scene, _ apptest.Credential) { n.redis("SET", "asynq:{ses}:paused", "1") }},
	"KeyturnRateLimited":       {provoke: limitRate},
	"KeyturnConfigurationsDiffer": {provoke: func(n *scene, c apptest.Credential) {
		n.begin("scheduler", "-config", n.WriteFile("other.yaml", n.Config(apptest.Settings{}, c)))
	}},
	"KeyturnUnread":   {stage: tokenOfPolicy, provoke: denyPath},
	"KeyturnNotTold":  {stage: deadReceiver, provoke: faulty(core.NotFound, always)},
	"KeyturnClockOff": {provoke: runAhead},
}

func TestThereIsAProvocationForEveryAlertAndForNothingElse(t *testing.T) {
	t.Parallel()
	var names []string
	for _, a := range alerts(t) {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	if known := slices.Sorted(maps.Keys(provocations)); !slices.Equal(known, names) {
		t.Errorf("provocations of %q, alerts %q", known, names)
	}
}

// TestEveryAlertFiresWhenRealProgramsAreInItsState, and none is active before that, when all is well.
func TestEveryAlertFiresWhenRealProgramsAreInItsState(t *testing.T) {
	t.Parallel()
	for name, p := range provocations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, top := apptest.New(t), ""
			if p.stage != nil {
				top = p.stage(t, s)
			}
			c := s.SES("provoked", "first: manual")
			if p.overlap {
				c = s.Overlap("provoked-too", "first: manual")
			}
			n := open(t, s, top)
			n.quiet()
			p.provoke(n, c)
			n.alarm(name)
		})
	}
}

// faulty has a rotation meet a fault.
func faulty(kind core.Kind, edit func(*core.Fault)) func(*scene, apptest.Credential) {
	return func(n *scene, c apptest.Credential) {
		n.Fault(c, kind, edit)
		n.rotate(c)
	}
}

// refuseKey has the provider refuse the account's key twice, which opens the breaker.
func refuseKey(n *scene, c apptest.Credential) {
	if _, err := n.Box.AddFaults(core.Fault{Provider: c.Provider, Kind: core.Unauthorized, Count: -1}); err != nil {
		n.t.Fatal(err)
	}
	n.rotate(c)
	n.rotate(n.credential("one"))
}

// vaultOfItsOwn is one that no other scene misses.
func vaultOfItsOwn(t *testing.T, s *apptest.Stage) string {
	t.Helper()
	s.Vault = devenvtest.VaultWith(t, devenv.VaultOptions{})
	s.WriteFile("vault-token", s.Vault.Token)
	s.WriteSecret("keys/"+s.Name, map[string]string{"token": s.Keys.KirimToken})
	return ""
}

func sealVault(n *scene, _ apptest.Credential) {
	if err := n.Vault.Seal(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

// ago is a time of Redis's clock, as scores have it. Redis's clock cannot be moved: what stands there is made older, which
// is what it looks like after that time.
func ago(d time.Duration) int64 { return time.Now().Add(-d).UnixMilli() }

// leaveOpen has a worker die in the middle of a call while no scheduler runs, and ten minutes pass.
func leaveOpen(n *scene, c apptest.Credential) {
	n.end(n.scheduler, n.scheduler.Stop)
	n.Fault(c, core.Hold)
	n.rotate(c)
	n.Held(c)
	n.end(n.worker, n.worker.Kill)
	n.Box.Release("", "")
	n.redis("ZADD", "keyturn:{ses}:open", "XX", ago(10*time.Minute), c.ID)
	n.begin("worker")
}

// deleteSecret deletes what consumers read. A scheduler reads that again when Redis was emptied.
func deleteSecret(n *scene, _ apptest.Credential) {
	one := n.credential("one")
	if err := n.Vault.Ask(n.t.Context(), http.MethodDelete, "secret/data/"+one.Path, nil, nil); err != nil {
		n.t.Fatal(err)
	}
	n.redis("FLUSHALL")
}

// refuseLogins has the mail server refuse a new password, and those that worked before when it is asked about them.
func refuseLogins(n *scene, c apptest.Credential) {
	if _, err := n.Box.AddFaults(core.Fault{At: core.AtSMTP, Kind: core.Reject, Count: -1}); err != nil {
		n.t.Fatal(err)
	}
	n.rotate(c)
}

// runDefectiveWorker replaces the worker by one with a defect in it: a panic is nothing else, and no known payload or
// answer causes one.
func runDefectiveWorker(n *scene, c apptest.Credential) {
	root, err := devenv.Root()
	if err != nil {
		n.t.Fatal(err)
	}
	original := filepath.Join(root, "cmd", "worker", "handler.go")
	const begins = "func (h *handler) Rotate(ctx context.Context, job queue.Job) rotation.Result {\n"
	source := string(read(n.t, original))
	if strings.Count(source, begins) != 1 {
		n.t.Fatalf("%s is not what it was", original)
	}
	defective := n.WriteFile("handler.go", strings.Replace(source, begins, begins+"\tpanic(\"a defect\")\n", 1))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: defective}})
	if err != nil {
		n.t.Fatal(err)
	}
	build := exec.CommandContext(n.t.Context(), "go", "build", "-buildvcs=false", "-overlay", n.WriteFile("overlay.json", string(overlay)),
		"-o", beside(n.t, "worker-defective"), "./cmd/worker")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		n.t.Fatalf("%v\n%s", err, out)
	}
	n.end(n.worker, n.worker.Stop)
	n.begin("worker-defective")
	n.rotate(c)
}

// beside is the path of one more program, in the folder of the others.
func beside(t *testing.T, name string) string {
	t.Helper()
	worker, err := exec.LookPath("worker")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(filepath.Dir(worker), name)
}

// fallBehind has all schedulers end, and two hours pass after a credential was due.
func fallBehind(n *scene, _ apptest.Credential) {
	n.end(n.scheduler, n.scheduler.Stop)
	n.redis("ZADD", "keyturn:{ses}:due", "XX", ago(2*time.Hour), n.credential("one").ID)
}

// keepIdentity leaves a journal whose identity should have been retired long ago, and the provider keeps it.
func keepIdentity(n *scene, c apptest.Credential) {
	for range 2 {
		if out, status := n.Ctl("rotate", c.ID, "--wait"); status != 0 {
			n.t.Fatalf("%d: %s", status, out)
		}
	}
	if _, err := n.Box.AddFaults(core.Fault{Provider: c.Provider, Kind: core.ServerError, Count: -1}); err != nil {
		n.t.Fatal(err)
	}
	n.EditJournal(c, func(fields map[string]any) {
		waits := fields["identities"].(map[string]any)["retire"].([]any)
		waits[0].(map[string]any)["not_before"] = time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339Nano)
	})
	n.redis("FLUSHALL") // the index is built from Vault
}

// limitRate has the provider answer that calls are too fast, now and half an hour later.
func limitRate(n *scene, c apptest.Credential) {
	faulty(core.RateLimit, always)(n, c)
	n.lasts = func() {
		refused := func() string {
			_, metrics := n.worker.Get("/metrics")
			for line := range strings.Lines(metrics) {
				if strings.HasPrefix(line, "keyturn_provider_calls_total{") && strings.Contains(line, `kind="rate limited"`) {
					return line
				}
			}
			return ""
		}
		before := refused()
		n.Until("one more call is refused for its rate", func() bool { return refused() != before })
	}
}

// tokenOfPolicy gives the programs a token that may do everything, as long as its policy says so.
func tokenOfPolicy(t *testing.T, s *apptest.Stage) string {
	t.Helper()
	allow(t, s, "")
	var answer struct {
		Auth struct {
			Token string `json:"client_token"`
		}
	}
	if err := s.Vault.Ask(t.Context(), http.MethodPost, "auth/token/create", map[string]any{"policies": []string{s.Name}}, &answer); err != nil {
		t.Fatal(err)
	}
	s.WriteFile("vault-token", answer.Auth.Token)
	return ""
}

func allow(t *testing.T, s *apptest.Stage, except string) {
	t.Helper()
	policy := `path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }` + except
	if err := s.Vault.Ask(t.Context(), http.MethodPut, "sys/policies/acl/"+s.Name, map[string]any{"policy": policy}, nil); err != nil {
		t.Fatal(err)
	}
}

// denyPath takes one credential's secret away from the policy. A scheduler reads it again when Redis was emptied.
func denyPath(n *scene, _ apptest.Credential) {
	allow(n.t, n.Stage, fmt.Sprintf("\npath %q { capabilities = [\"deny\"] }", "secret/data/"+n.credential("one").Path))
	n.redis("FLUSHALL")
}

// deadReceiver is a webhook's that says it is gone.
func deadReceiver(t *testing.T, s *apptest.Stage) string {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	t.Cleanup(receiver.Close)
	s.WriteFile("whsec", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")
	return fmt.Sprintf("webhooks:\n  ops: {url: %q, secret: {file: whsec}, events: [quarantined]}\n", receiver.URL)
}

// runAhead adds a worker whose clock is an hour ahead.
func runAhead(n *scene, _ apptest.Credential) {
	if err := devenv.BuildAhead(n.t.Context(), beside(n.t, "worker-ahead"), "./cmd/worker", time.Hour); err != nil {
		n.t.Fatal(err)
	}
	n.begin("worker-ahead")
}
