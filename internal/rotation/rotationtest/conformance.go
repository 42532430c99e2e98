package rotationtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/policy"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// ProviderHarness is what Providers needs to know of a provider. What it expects of an answer it takes from the
// provider's own description: a kind that its error table has must be told, any other answer is in doubt.
type ProviderHarness struct {
	rotation.Provider
	Target  string // one that the stand-in knows
	Unknown string // one that it does not know
	// RetryAfter is what a client makes of RetryIn; 0 where the provider does not say how long to wait.
	RetryAfter time.Duration
	// AnyPassword says that the provider refuses no password for its rule.
	AnyPassword bool
	// TellsSynced says that an Issuer's answer says whether the password is live yet.
	TellsSynced bool
	// Garbled are unreadable answers, beside those that every stand-in gives.
	Garbled []Mishap
	// Start returns a stand-in of its own, which ends with the test.
	Start func(t *testing.T) *StandIn
}

// RetryIn is how long a stand-in asks to wait when it refuses a call for its rate.
const RetryIn = 3 * time.Second

// Mishap is what a stand-in does to the next call.
type Mishap struct {
	Kind  string // as docs/sandbox.md lists them
	When  string // "before" or "after" the call is carried out; "" means the kind's default
	Times int    // 0 means once
	Reads bool   // strikes calls that change nothing as well
}

// StandIn is one running stand-in of a provider. Its target has no password at first, and no call is too many.
type StandIn struct {
	Settings rotation.Settings // of a client that it accepts
	// State returns the password that stands at the target, and how many were ever accepted.
	State func(t *testing.T) (live string, accepted int)
	// Change sets the password as a person would.
	Change func(t *testing.T, password string)
	// Strike asks for mishaps.
	Strike func(t *testing.T, m ...Mishap)
	// Held counts the calls that the mishap "hold" is holding, and Release lets go of them.
	Held    func() int
	Release func()
	// Ahead sets how far its clock is ahead of this machine's.
	Ahead func(d time.Duration)
	// Login logs in with a password as its user would; nil where the provider has a read-back instead, or nothing logs in.
	Login rotation.Verifier
	// Standing returns the passwords that a Minter's identities have, by id; State counts them.
	Standing func(t *testing.T) map[string]string
}

// Providers holds one provider's client to the contract of rotation.Setter or rotation.Issuer, of rotation.Verifier
// where it has a read-back, and of rotation.Error; and runs the state machine through it.
func Providers(t *testing.T, h ProviderHarness) {
	t.Helper()
	tests := map[string]func(*testing.T, *trial){
		"an accepted password is live":                    testAccepted,
		"the live password again":                         testRepeat,
		"a candidate is sent again after a lost reply":    testLostReply,
		"a candidate is sent again after a lost request":  testLostRequest,
		"every refusal has its kind and changes nothing":  testRefusals,
		"what is wrong with a request is told":            testRealRefusals,
		"clocks that differ":                              testClockSkew,
		"an unreadable answer is in doubt":                testGarbled,
		"a mislabelled answer is read all the same":       testCharset,
		"nothing is sent where nothing listens":           testNotSent,
		"nothing is sent for who has cancelled":           testCancelledBefore,
		"a cancelled call returns in doubt":               testCancelledDuring,
		"a cancelled request may still land":              testLateWrite,
		"a slow reply is in doubt":                        testSlowReply,
		"calls do not disturb each other":                 testConcurrent,
		"the read-back tells no from could not ask":       testReadBack,
		"an issued password that is not live yet says so": testNotSynced,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, begin(t, h)) })
	}
	t.Run("the state machine", func(t *testing.T) { t.Parallel(); testMachine(t, h) })
}

// trial is one test's stand-in, and a client that talks to it.
type trial struct {
	ProviderHarness
	*StandIn
	client rotation.Client
	policy *policy.Policy // nil for an Issuer
}

func begin(t *testing.T, h ProviderHarness) *trial {
	t.Helper()
	x := &trial{ProviderHarness: h, StandIn: h.Start(t)}
	x.client = x.open(t, x.Settings)
	if h.Mode == rotation.ModeSetter {
		var err error
		if x.policy, err = policy.Resolve(h.Rule, policy.Spec{Name: h.Code}); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// open returns another client, as another process would have it.
func (x *trial) open(t *testing.T, s rotation.Settings) rotation.Client {
	t.Helper()
	client, err := x.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// fresh returns a password that the provider's rule allows; none for an Issuer.
func (x *trial) fresh(t *testing.T) secret.Value {
	t.Helper()
	if x.policy == nil {
		return secret.Value{}
	}
	password, err := x.policy.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return password
}

// send makes one call that changes the password of target, to the one given or, at an Issuer, to whatever comes.
func (x *trial) send(ctx context.Context, t *testing.T, c rotation.Client, target string, password secret.Value) (rotation.Issued, error) {
	t.Helper()
	if c.Issuer != nil {
		issued, err := c.Issuer.Issue(ctx, target)
		x.checkError(t, err, issued.Password)
		return issued, err
	}
	err := c.Setter.Set(ctx, target, password)
	x.checkError(t, err, password)
	return rotation.Issued{Password: password, Synced: true}, err
}

// change sends a fresh password through the trial's client and wants it accepted.
func (x *trial) change(t *testing.T) rotation.Issued {
	t.Helper()
	issued, err := x.send(t.Context(), t, x.client, x.Target, x.fresh(t))
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// wantKind checks the kind of an error. All kinds but one say that nothing was done: it checks that too.
func (x *trial) wantKind(t *testing.T, err error, kind rotation.Kind, acceptedBefore int) {
	t.Helper()
	failure, ok := errors.AsType[*rotation.Error](err)
	if !ok || failure.Kind != kind {
		t.Fatalf("got %v, want kind %q", err, kind)
	}
	if _, accepted := x.State(t); kind != rotation.InDoubt && accepted != acceptedBefore {
		t.Errorf("%v: the provider has accepted %d passwords since", failure, accepted-acceptedBefore)
	}
}

// wantLive checks the password that stands at the provider, and how many it ever accepted: one send is one send.
func (x *trial) wantLive(t *testing.T, want secret.Value, accepted int) {
	t.Helper()
	live, n := x.State(t)
	if live != want.Reveal() {
		t.Error("another password is live")
	}
	if n != accepted {
		t.Errorf("the provider accepted %d passwords, want %d", n, accepted)
	}
}

// tells reports whether the provider has an answer of its own for kind.
func (x *trial) tells(kind rotation.Kind) bool {
	return slices.ContainsFunc(x.Errors, func(row rotation.ErrorRow) bool { return row.Kind == kind })
}

// told is kind where the provider can tell it; all else is in doubt.
func (x *trial) told(kind rotation.Kind) rotation.Kind {
	if x.tells(kind) {
		return kind
	}
	return rotation.InDoubt
}

// checkError holds what every error of a client must be: classified, attributed, and free of the password, of the
// management keys and of the URL.
func (x *trial) checkError(t *testing.T, err error, password secret.Value) {
	t.Helper()
	if err == nil {
		return
	}
	failure, ok := errors.AsType[*rotation.Error](err)
	if !ok || failure.Provider != x.Code || failure.Op == "" {
		t.Errorf("%v is no *rotation.Error of %s with its call", err, x.Code)
	}
	forbidden := []string{x.Settings.Endpoint, "http://", password.Reveal()}
	for _, key := range x.Settings.Keys {
		forbidden = append(forbidden, key.Reveal())
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		shown := fmt.Sprintf("%v %+v %#v", cause, cause, cause)
		for _, text := range forbidden {
			if text != "" && (strings.Contains(shown, text) || strings.Contains(shown, url.QueryEscape(text))) {
				t.Errorf("an error of kind %q shows a password, a key or a URL", failure.Kind)
			}
		}
	}
}

// soon polls a condition of another goroutine.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for tick := time.NewTicker(2 * time.Millisecond); !holds(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}
