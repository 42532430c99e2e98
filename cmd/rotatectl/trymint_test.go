package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"keyturn/internal/providers/declared"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox/core"
)

const triedDomain = "example.com"

// identities are those that stand at the sandbox, with their passwords.
func (s *tryStage) identities() map[string]string {
	all := map[string]string{}
	for target, state := range s.State()["mine"] {
		if id, ok := strings.CutPrefix(target, triedDomain+"/"); ok {
			all[id] = state.Live
		}
	}
	return all
}

// tryMinter is try, and holds that what was written shows no password of an identity that stands.
func (s *tryStage) tryMinter(args ...string) (string, error) {
	s.t.Helper()
	out, err := s.try(append([]string{"--target", triedDomain}, args...)...)
	for id, password := range s.identities() {
		if strings.Contains(out, password) {
			s.t.Errorf("%q shows the password of %s:\n%s", args, id, out)
		}
	}
	return out, err
}

func TestATryOfAMinterLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newTryStage(t, "minter")
	out, err := s.tryMinter()
	for _, want := range []string{
		"calls   mine, create-credential\n", "makes an identity of example.com there, whose password is shown nowhere, and retires it again\n",
		`{"name":"kt-provider-try-`, "  yes shows an identity\n", "means   success\n", ": success\n",
	} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v, no %q in\n%s", err, want, out)
		}
	}
	if got := s.identities(); len(got) != 0 || s.Stats()["mine"].Accepted != 2 {
		t.Errorf("%v stands after %d changes", got, s.Stats()["mine"].Accepted)
	}
	out, err = s.tryMinter("-o", "json")
	var shown struct {
		Means string
		Left  struct{ ID, Means, Then string }
	}
	if json.Unmarshal([]byte(out), &shown) != nil || err != nil || shown.Means != "success" || shown.Left.ID == "" || shown.Left.Means != "success" || shown.Left.Then != "" {
		t.Errorf("%v\n%s", err, out)
	}
}

// What could not be retired is told, with the command that does it; so is what an answer that was lost may have made.
func TestATryOfAMinterSaysWhatItLeaves(t *testing.T) {
	t.Parallel()
	s := newTryStage(t, "minter")
	s.Inject(core.Fault{Provider: "mine", Kind: core.ServerError, Op: "delete-credential"})
	out, err := s.tryMinter()
	_, id, told := strings.Cut(out, "--call retire --id ")
	id, _, _ = strings.Cut(id, "`")
	if failed := (*failedError)(nil); !errors.As(err, &failed) || !told || len(s.identities()) != 1 || s.identities()[id] == "" {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err = s.tryMinter("--call", "list"); err != nil || !strings.Contains(out, "changes nothing") || !strings.Contains(out, "  yes lists "+id+"\n") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = s.tryMinter("--call", "retire", "--id", id); err != nil || !strings.Contains(out, "  yes success has no body\n") || len(s.identities()) != 0 {
		t.Errorf("%v\n%s", err, out)
	}
	s.Inject(core.Fault{Provider: "mine", Kind: core.LoseReply, Op: "create-credential"})
	out, err = s.tryMinter()
	if err == nil || !strings.Contains(out, "then    there may be an identity named kt-provider-try-") || !strings.Contains(out, "keyturn lists the identities, ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestATryRetiresNothingThatNoTryHasMade(t *testing.T) {
	t.Parallel()
	s := newTryStage(t, "minter")
	if _, err := s.AddTargets("mine", core.Target{Target: triedDomain + "/theirs", Username: "kt-shop-1-1", Password: "Theirs-1-x"}); err != nil {
		t.Fatal(err)
	}
	out, err := s.tryMinter("--call", "list")
	if err != nil || !strings.Contains(out, "  yes lists 1 identities\n") || strings.Contains(out, "theirs") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := s.tryMinter("--call", "retire", "--id", "theirs"); err == nil || !strings.Contains(err.Error(), "no try has made theirs") || s.identities()["theirs"] == "" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestATryOfAMinterNamesWhatItCannotMake(t *testing.T) {
	t.Parallel()
	s := newTryStage(t, "minter")
	for _, test := range []struct {
		want string
		args []string
	}{
		{"want mint, list, retire", []string{"--call", "make"}},
		{"go together", []string{"--call", "retire"}},
		{"go together", []string{"--id", "x"}},
	} {
		if out, err := s.tryMinter(test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v\n%s", test.args, err, out)
		}
	}
	other := newTryStage(t, "setter")
	if _, err := other.try("--target", triedTarget, "--call", "mint"); err == nil || !strings.Contains(err.Error(), "are for minters") {
		t.Error(err)
	}
}

// A label tells a try's identity from those of a configured credential. Without labels only a list spares these.
func TestATryOfAMinterSparesConfiguredTargets(t *testing.T) {
	t.Parallel()
	for call, wants := range map[string][2]bool{declared.CallMint: {false, true}, declared.CallList: {false, false}, declared.CallRetire: {false, true}} {
		for i, check := range []func(string) error{spelling.CheckOwner, nil} {
			p := rotation.Provider{Mode: rotation.ModeMinter, Overlaps: &rotation.Overlapping{CheckOwner: check}}
			if got := (&trial{call: call}).endangers(p); got != wants[i] {
				t.Errorf("%s, labelled %v: %v", call, check != nil, got)
			}
		}
	}
	if !(&trial{}).endangers(rotation.Provider{Mode: rotation.ModeSetter}) {
		t.Error("a setter's target is not spared")
	}
}

// What logs in to no mail server is promoted as it was shown.
func TestATrySaysWhereNothingIsVerified(t *testing.T) {
	t.Parallel()
	for nowhere, want := range map[bool]string{
		true: "promotes it, and retires the identity before after its grace", false: "verifies the password where it logs in, promotes it, and retires the identity before after its grace",
	} {
		var s tried
		if s.note(&declared.Trial{}, rotation.Provider{Mode: rotation.ModeMinter, NoLogin: nowhere}, declared.CallMint); s.Next != want {
			t.Errorf("logs in nowhere, %v: %q", nowhere, s.Next)
		}
	}
}
