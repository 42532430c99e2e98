package providers_test

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/providers"
	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/sandbox"
	"keyturn/internal/secret"
	"keyturn/internal/smtpauth"
)

// stand is what the conformance suite cannot know of a provider: the sandbox's side of it.
type stand struct {
	path            string // of the endpoint, below the sandbox's address
	keys            []string
	target, unknown string
	username        string // of an SMTP login
	retryAfter      time.Duration
	garbled         []rotationtest.Mishap
}

var stands = map[string]stand{
	sandbox.AlibabaDirectMail: {
		keys: []string{"testid", "testsecret"}, target: "example.com", unknown: "unknown.example.com",
		username: "example.com", retryAfter: rotationtest.RetryIn,
	},
	sandbox.Enom: {
		path: "/interface.asp", keys: []string{"resellid", "resellpw"}, target: "resellerdocs.com", unknown: "unknown.com",
		garbled: []rotationtest.Mishap{{Kind: "not_done", When: "after"}},
	},
	sandbox.KirimEmail: {
		keys: []string{"api", "test-token"}, target: "example.com/92703823-f3a4-48e2-8e87-7adf25454800",
		unknown: "example.com/00000000-0000-4000-8000-000000000000", username: "myuser@example.com", retryAfter: rotationtest.RetryIn,
	},
	sandbox.TencentSES: {
		keys: []string{"testid", "testsecret"}, target: "alerts@example.com", unknown: "unknown@example.com",
		username: "alerts@example.com",
	},
}

func TestEveryRotatingProviderKeepsTheContractOfAProvider(t *testing.T) {
	t.Parallel()
	for _, p := range providers.All() {
		if p.Mode == rotation.ModeContacts {
			continue
		}
		t.Run(p.Code, func(t *testing.T) {
			t.Parallel()
			s, ok := stands[p.Code]
			if !ok {
				t.Fatal("a provider that rotates has a stand-in, and a line in the table above")
			}
			rotationtest.Providers(t, rotationtest.ProviderHarness{
				Provider: p, Target: s.target, Unknown: s.unknown, RetryAfter: s.retryAfter, Garbled: s.garbled,
				Start: func(t *testing.T) *rotationtest.StandIn { t.Helper(); return s.start(t, p) },
			})
		})
	}
}

// start gives one test a sandbox of its own.
func (s stand) start(t *testing.T, p rotation.Provider) *rotationtest.StandIn {
	t.Helper()
	var ahead atomic.Int64
	ca := filepath.Join(t.TempDir(), "ca.pem")
	server, err := sandbox.Start(t.Context(), sandbox.Config{
		CAFile:    ca,
		Now:       func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Providers: map[string]sandbox.ProviderConfig{p.Code: {Rate: &sandbox.Rate{}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := server.Stats()[p.Code].InURL; n != 0 {
			t.Errorf("%d passwords came in a URL", n)
		}
		// A client may have opened connections that it never used; those are not waited for.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 100*time.Millisecond)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	keys := map[string]secret.Value{}
	for i, name := range p.Keys {
		keys[name] = secret.New(s.keys[i])
	}
	return &rotationtest.StandIn{
		Settings: rotation.Settings{Endpoint: server.Ready().Providers[p.Code] + s.path, Keys: keys, Timeout: 20 * time.Second},
		State: func(t *testing.T) (live string, accepted int) {
			t.Helper()
			state := server.State()[p.Code][s.target]
			return state.Live, state.Version
		},
		Change: func(t *testing.T, password string) {
			t.Helper()
			if err := server.SetPassword(p.Code, s.target, password); err != nil {
				t.Fatal(err)
			}
		},
		Strike:  func(t *testing.T, m ...rotationtest.Mishap) { t.Helper(); strike(t, server, p.Code, m) },
		Held:    func() int { return len(server.Holds()) },
		Release: func() { server.Release(p.Code, "") },
		Ahead:   func(d time.Duration) { ahead.Store(int64(d)) },
		Login:   s.login(t, server, p.Code, ca),
	}
}

func strike(t *testing.T, server *sandbox.Server, code string, mishaps []rotationtest.Mishap) {
	t.Helper()
	var faults []sandbox.Fault
	for _, m := range mishaps {
		f := sandbox.Fault{Provider: code, Kind: sandbox.Kind(m.Kind), When: sandbox.When(m.When), Count: m.Times}
		if m.Reads {
			f.Op = "*"
		}
		if f.Kind == sandbox.RateLimit {
			f.RetryAfter = sandbox.Duration(rotationtest.RetryIn)
		}
		faults = append(faults, f)
	}
	if _, err := server.AddFaults(faults...); err != nil {
		t.Fatal(err)
	}
}

// login is the sandbox's submission server of a provider, as the real verifier asks it; nil where it has none.
func (s stand) login(t *testing.T, server *sandbox.Server, code, ca string) rotation.Verifier {
	t.Helper()
	address, ok := server.Ready().SMTP[code]
	if !ok {
		return nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	verifier, err := smtpauth.New(smtpauth.Config{
		Addr: address, TLS: smtpauth.ImplicitTLS, CA: pool,
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.username != "" {
		return as{verifier, s.username}
	}
	return verifier
}

// as logs in under a name that cannot be told from the target.
type as struct {
	rotation.Verifier
	username string
}

func (v as) Verify(ctx context.Context, _ string, password secret.Value) (rotation.Verdict, error) {
	return v.Verifier.Verify(ctx, v.username, password)
}
