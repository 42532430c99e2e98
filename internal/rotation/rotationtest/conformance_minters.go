package rotationtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Minters holds one provider's client to the contract of rotation.Minter and of rotation.Error, and runs the state machine
// through it.
func Minters(t *testing.T, h ProviderHarness) {
	t.Helper()
	tests := map[string]func(*testing.T, *trial){
		"an identity that is made logs in":          testMinted,
		"each call makes another one":               testMintedTwice,
		"a list names those of a label":             testIdentities,
		"what is retired does not log in":           testRetired,
		"an identity of a lost reply is found":      testLostIdentity,
		"a lost request makes nothing":              testLostMint,
		"every refusal has its kind":                testMintRefusals,
		"what is wrong with a request is told":      testMintRealRefusals,
		"clocks that differ":                        testMintClockSkew,
		"an unreadable answer is in doubt":          testMintGarbled,
		"nothing is sent where nothing listens":     testMintNotSent,
		"a cancelled call returns in doubt":         testMintCancelled,
		"a target that is full says so":             testFull,
		"a retirement that is not told is in doubt": testRetireInDoubt,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, begin(t, h)) })
	}
	t.Run("the state machine", func(t *testing.T) { t.Parallel(); testOverlap(t, h) })
}

// owner is that of the labels, "" where identities carry none.
func (x *trial) owner() string {
	if x.Overlaps.CheckOwner == nil {
		return ""
	}
	return "ours"
}

// mint makes one call to make an identity with the nth label, and checks what any error shows.
func (x *trial) mint(ctx context.Context, t *testing.T, m rotation.Minter, n int) (rotation.Identity, error) {
	t.Helper()
	made, err := m.Mint(ctx, x.Target, rotation.Label{Owner: x.owner(), Part: fmt.Sprintf("0a1b2c3d-%d", n)})
	x.checkError(t, err, made.Password)
	return made, err
}

// minted is an identity that was made without trouble.
func (x *trial) minted(t *testing.T, n int) rotation.Identity {
	t.Helper()
	made, err := x.mint(t.Context(), t, x.client.Minter, n)
	if err != nil {
		t.Fatal(err)
	}
	if stands := x.Standing(t); stands[made.ID] == "" || stands[made.ID] != made.Password.Reveal() {
		t.Fatalf("%q does not stand with the password that was shown", made.ID)
	}
	return made
}

// wantLogin checks what the mail server says to an identity; where nothing logs in to one, whether it stands.
func (x *trial) wantLogin(t *testing.T, made rotation.Identity, want rotation.Verdict) {
	t.Helper()
	if x.Login == nil {
		stands := x.Standing(t)[made.ID]
		if works := stands != "" && stands == made.Password.Reveal(); works != (want == rotation.Works) {
			t.Errorf("%q stands with that password: %v, want %q", made.ID, works, want)
		}
		return
	}
	if got, err := x.Login.Verify(t.Context(), made.Username, made.Password); got != want {
		t.Errorf("the login of %q is answered %q (%v), want %q", made.ID, got, err, want)
	}
}

// listed are the identities of the label that the client lists.
func (x *trial) listed(t *testing.T) []string {
	t.Helper()
	turns := 0
	ids, err := x.client.Minter.Identities(t.Context(), x.Target, x.owner(), func(context.Context) error { turns++; return nil })
	if err != nil || turns == 0 {
		t.Fatalf("a list after %d turns: %v", turns, err)
	}
	return ids
}

func testMinted(t *testing.T, x *trial) {
	t.Helper()
	made := x.minted(t, 1)
	x.wantLogin(t, made, rotation.Works)
	made.Password = secret.New("Not-the-1ive-One")
	x.wantLogin(t, made, rotation.Refused)
}

func testMintedTwice(t *testing.T, x *trial) {
	t.Helper()
	for _, id := range x.listed(t) { // where two are as many as there may be
		_ = x.client.Minter.Retire(t.Context(), x.Target, id)
	}
	one, two := x.minted(t, 1), x.minted(t, 2)
	if one.ID == two.ID || one.Password.Equal(two.Password) {
		t.Errorf("%q and %q", one.ID, two.ID)
	}
	x.wantLogin(t, one, rotation.Works)
	x.wantLogin(t, two, rotation.Works)
}

func testIdentities(t *testing.T, x *trial) {
	t.Helper()
	before := x.listed(t)
	if x.owner() != "" && len(before) != 0 {
		t.Errorf("%q carry a label that nothing has made", before)
	}
	made := x.minted(t, 1)
	if got := x.listed(t); !slices.Contains(got, made.ID) || len(got) != len(before)+1 {
		t.Errorf("%q are listed", got)
	}
	if x.owner() == "" {
		return
	}
	others, err := x.client.Minter.Identities(t.Context(), x.Target, "other", func(context.Context) error { return nil })
	if err != nil || len(others) != 0 {
		t.Errorf("%q are another owner's: %v", others, err)
	}
}

func testRetired(t *testing.T, x *trial) {
	t.Helper()
	before := x.Standing(t)
	made := x.minted(t, 1)
	for range 2 { // one that is gone is as good as retired
		if err := x.client.Minter.Retire(t.Context(), x.Target, made.ID); err != nil {
			t.Fatal(err)
		}
	}
	if !maps.Equal(before, x.Standing(t)) || slices.Contains(x.listed(t), made.ID) {
		t.Error("another one was retired, or none")
	}
	x.wantLogin(t, made, rotation.Refused)
}

func testMintRefusals(t *testing.T, x *trial) {
	t.Helper()
	for mishap, kind := range map[string]rotation.Kind{
		"rate_limit": rotation.RateLimited, "unauthorized": rotation.Unauthorized, "not_found": rotation.Target, "server_error": rotation.InDoubt,
	} {
		before := x.accepted(t)
		x.Strike(t, Mishap{Kind: mishap})
		_, err := x.mint(t.Context(), t, x.client.Minter, 1)
		x.wantKind(t, err, x.told(kind), before)
		failure := rotation.AsError(err)
		if more := failure.RetryAfter - x.RetryAfter; kind == rotation.RateLimited && (more < 0 || more > 0 && (x.RetryAfter == 0 || more > time.Second)) {
			t.Errorf("RetryAfter is %v, want %v", failure.RetryAfter, x.RetryAfter)
		}
		if n := x.accepted(t); n != before {
			t.Errorf("%s: %d identities, %d before", mishap, n, before)
		}
	}
}

func testMintRealRefusals(t *testing.T, x *trial) {
	t.Helper()
	before := x.accepted(t)
	if x.Unknown != x.Target {
		_, err := x.client.Minter.Mint(t.Context(), x.Unknown, rotation.Label{Owner: x.owner(), Part: "0a1b2c3d-1"})
		x.wantKind(t, err, rotation.Target, before)
	}
	for _, name := range x.Keys {
		settings := x.Settings
		settings.Keys = maps.Clone(settings.Keys)
		settings.Keys[name] = secret.New("no-such-key")
		m := x.open(t, settings).Minter
		_, err := x.mint(t.Context(), t, m, 1)
		x.wantKind(t, err, rotation.Unauthorized, before)
		_, err = m.Identities(t.Context(), x.Target, x.owner(), func(context.Context) error { return nil })
		x.wantKind(t, err, rotation.Unauthorized, before)
		for id := range x.Standing(t) {
			x.wantKind(t, m.Retire(t.Context(), x.Target, id), rotation.Unauthorized, before)
		}
	}
}

func testMintClockSkew(t *testing.T, x *trial) {
	t.Helper()
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		x.Ahead(ahead)
		before := x.accepted(t)
		_, err := x.client.Minter.Identities(t.Context(), x.Target, x.owner(), func(context.Context) error { return nil })
		if x.tells(rotation.ClockSkew) {
			x.wantKind(t, err, rotation.ClockSkew, before)
			x.listed(t) // signed by the provider's clock
		} else if err != nil {
			t.Errorf("unsigned requests depend on the clock: %v", err)
		}
	}
}

// mostIdentities is more than any provider allows that says when it is full.
const mostIdentities = 150

func testFull(t *testing.T, x *trial) {
	t.Helper()
	if !x.tells(rotation.Full) {
		return
	}
	var made rotation.Identity
	for n := 1; n <= mostIdentities; n++ {
		one, err := x.mint(t.Context(), t, x.client.Minter, n)
		if err == nil {
			made = one
			continue
		}
		x.wantKind(t, err, rotation.Full, x.accepted(t))
		if err := x.client.Minter.Retire(t.Context(), x.Target, made.ID); err != nil {
			t.Fatal(err)
		}
		x.minted(t, mostIdentities+1)
		return
	}
	t.Errorf("%d identities are not too many", mostIdentities)
}
