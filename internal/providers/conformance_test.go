package providers_test

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/providers"
	"keyturn/internal/providers/declared"
	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/described"
	"keyturn/internal/secret"
	"keyturn/internal/smtpauth"
)

func TestEveryRotatingProviderKeepsTheContractOfAProvider(t *testing.T) {
	t.Parallel()
	for _, p := range providers.All() {
		if p.Mode == rotation.ModeContacts {
			continue
		}
		t.Run(p.Code, func(t *testing.T) { t.Parallel(); conform(t, p, standIn(t, p)) })
	}
}

// What plays a description from its file is held to the same as what plays it from its provider's page.
func TestEveryDescriptionKeepsTheContractWhereItsFileIsPlayed(t *testing.T) {
	t.Parallel()
	for _, d := range declared.Embedded() {
		p := d.Provider()
		t.Run(p.Code, func(t *testing.T) {
			t.Parallel()
			s := described.StandIn(d, core.Ports{})
			s.Unknown = standIn(t, p).Unknown
			conform(t, p, s)
		})
	}
}

// What a user's file describes is held to it as well: an issuer, too, says that a password is not live yet where its answers
// have a field for it.
func TestADescriptionOfEachModeKeepsTheContractWhereItIsPlayed(t *testing.T) {
	t.Parallel()
	for mode, unknown := range map[string]string{"setter": "unknown@example.com", "issuer": "unknown@example.com", "minter": "unknown.example/c1"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			text, err := declared.Skeleton("mine", mode)
			if err != nil {
				t.Fatal(err)
			}
			edited := strings.NewReplacer("  # synced: remote_synced ", "  synced: synced ", `"new_password": "made"}`, `"new_password": "made", "synced": true}`).Replace(string(text))
			d, err := declared.Read("mine.yaml", []byte(edited))
			if err != nil {
				t.Fatal(err)
			}
			s := described.StandIn(d, core.Ports{})
			s.Unknown = unknown
			conform(t, d.Provider(), s)
		})
	}
}

// conform runs the suite of a provider's contract against a stand-in.
func conform(t *testing.T, p rotation.Provider, s core.StandIn) {
	t.Helper()
	h := rotationtest.ProviderHarness{
		Provider: p, Target: s.Targets[0].Target, Unknown: s.Unknown, AnyPassword: s.AnyPassword,
		Start: func(t *testing.T) *rotationtest.StandIn { t.Helper(); return start(t, p, s) },
	}
	if s.TellsWait {
		h.RetryAfter = rotationtest.RetryIn
	}
	for _, own := range s.Faults {
		if own.Lags {
			h.TellsSynced = true
		} else {
			h.Garbled = append(h.Garbled, rotationtest.Mishap{Kind: string(own.Kind)})
		}
	}
	if p.Mode != rotation.ModeMinter {
		rotationtest.Providers(t, h)
	}
	if p.Overlaps != nil {
		if _, err := p.Overlaps.CheckTarget(h.Target); err != nil { // else its file is played, which knows targets
			h.Target, _ = place(h.Target)
		}
		h.Unknown, _ = place(h.Unknown)
		h.Start = func(t *testing.T) *rotationtest.StandIn { t.Helper(); return startMinter(t, p, s) }
		rotationtest.Minters(t, h)
	}
}

// standIn is what the sandbox has in place of a provider.
func standIn(t testing.TB, p rotation.Provider) core.StandIn {
	t.Helper()
	all := sandbox.StandIns()
	i := slices.IndexFunc(all, func(s core.StandIn) bool { return s.Code == p.Code })
	if i < 0 {
		t.Fatalf("the sandbox has no stand-in of %s", p.Code)
	}
	return all[i]
}

// start gives one test a sandbox of its own.
func start(t *testing.T, p rotation.Provider, s core.StandIn) *rotationtest.StandIn {
	t.Helper()
	in, _ := serve(t, p, s)
	return in
}

// startMinter is start for a target whose identities are counted, each of which has a user name of its own.
func startMinter(t *testing.T, p rotation.Provider, s core.StandIn) *rotationtest.StandIn {
	t.Helper()
	in, server := serve(t, p, s)
	in.Standing = func(t *testing.T) map[string]string {
		t.Helper()
		all := map[string]string{}
		for target, state := range server.State()[p.Code] {
			if _, err := p.Overlaps.CheckTarget(target); err != nil { // a file that is played knows targets too
				_, id := place(target)
				all[id] = state.Live
			}
		}
		return all
	}
	in.State = func(t *testing.T) (live string, made int) { t.Helper(); return "", len(in.Standing(t)) }
	if named, ok := in.Login.(as); ok {
		in.Login = named.Verifier
	}
	return in
}

func serve(t *testing.T, p rotation.Provider, s core.StandIn) (*rotationtest.StandIn, *core.Server) {
	t.Helper()
	var ahead atomic.Int64
	ca := filepath.Join(t.TempDir(), "ca.pem")
	server, err := core.Start(t.Context(), core.Config{
		CAFile: ca, StandIns: []core.StandIn{s},
		Now:       func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Providers: map[string]core.ProviderConfig{p.Code: {Rate: &core.Rate{}}},
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
	keys := map[string]secret.Value{p.Keys[0]: secret.New(s.Key.Secret)}
	if len(p.Keys) == 2 {
		keys = map[string]secret.Value{p.Keys[0]: secret.New(s.Key.ID), p.Keys[1]: secret.New(s.Key.Secret)}
	}
	return &rotationtest.StandIn{
		Settings: rotation.Settings{Endpoint: server.Ready().Providers[p.Code], Keys: keys, Timeout: 20 * time.Second},
		State: func(t *testing.T) (live string, accepted int) {
			t.Helper()
			state := server.State()[p.Code][s.Targets[0].Target]
			return state.Live, state.Version
		},
		Change: func(t *testing.T, password string) {
			t.Helper()
			if err := server.SetPassword(p.Code, s.Targets[0].Target, password); err != nil {
				t.Fatal(err)
			}
		},
		Strike:  func(t *testing.T, m ...rotationtest.Mishap) { t.Helper(); strike(t, server, p.Code, m) },
		Held:    func() int { return len(server.Holds()) },
		Release: func() { server.Release(p.Code, "") },
		Ahead:   func(d time.Duration) { ahead.Store(int64(d)) },
		Login:   login(t, server, s, ca),
	}, server
}

func strike(t *testing.T, server *core.Server, code string, mishaps []rotationtest.Mishap) {
	t.Helper()
	var faults []core.Fault
	for _, m := range mishaps {
		f := core.Fault{Provider: code, Kind: core.Kind(m.Kind), When: core.When(m.When), Count: m.Times}
		if m.Reads {
			f.Op = "*"
		}
		if f.Kind == core.RateLimit {
			f.RetryAfter = core.Duration(rotationtest.RetryIn)
		}
		faults = append(faults, f)
	}
	if _, err := server.AddFaults(faults...); err != nil {
		t.Fatal(err)
	}
}

// login is the sandbox's submission server of a provider, as the real verifier asks it; nil where it has none.
func login(t *testing.T, server *core.Server, s core.StandIn, ca string) rotation.Verifier {
	t.Helper()
	address, ok := server.Ready().SMTP[s.Code]
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
	return as{verifier, s.Username}
}

// as logs in under a name that cannot be told from the target.
type as struct {
	rotation.Verifier
	username string
}

func (v as) Verify(ctx context.Context, _ string, password secret.Value) (rotation.Verdict, error) {
	return v.Verifier.Verify(ctx, v.username, password)
}
