package accesskey_test

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/accesskey"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keys are those of a stand-in that answers nothing.
func keys(t *testing.T) *accesskey.Keys {
	t.Helper()
	var all *accesskey.Keys
	sandboxtest.Start(t, []core.StandIn{{
		Code: "cloud", Key: core.Key{ID: "id", Secret: "secret"}, Targets: []core.Target{{Target: "ann/first"}},
		Check: func(t core.Target) (core.Target, error) { return t, nil },
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) {
			all = accesskey.Of(s.Ledger)
			return func(*http.Request, []byte) (*core.Call, *core.Reply) { return nil, &core.Reply{} }, nil
		},
	}})
	return all
}

func TestAUserHasNoMoreKeysThanItMay(t *testing.T) {
	t.Parallel()
	k := keys(t)
	if made, result := k.Make("ann", "second", "s2", 0); result != core.OutAccepted || made.ID != "second" || made.Status != accesskey.Active {
		t.Fatalf("%+v, %v", made, result)
	}
	if _, result := k.Make("ann", "third", "s3", 0); result != core.OutRejected || len(k.List("ann")) != accesskey.Most {
		t.Errorf("a third: %v, %v", result, k.List("ann"))
	}
	if _, result := k.Make("an", "first", "s1", 0); result != core.OutAccepted || len(k.List("an")) != 1 {
		t.Errorf("another user, whose name is the beginning of the first: %v, %v", result, k.List("an"))
	}
}

// A key that is active is not deleted: no client may count on it.
func TestAKeyIsDisabledBeforeItIsDeleted(t *testing.T) {
	t.Parallel()
	k := keys(t)
	if result := k.Remove("ann", "first"); result != core.OutRejected {
		t.Errorf("active: %v", result)
	}
	for _, status := range []string{accesskey.Inactive, accesskey.Active, accesskey.Inactive, accesskey.Inactive} {
		if !k.Turn("ann", "first", status) || k.List("ann")[0].Status != status {
			t.Errorf("%s: %v", status, k.List("ann"))
		}
	}
	if result := k.Remove("ann", "first"); result != core.OutAccepted || len(k.List("ann")) != 0 || !k.Knows("ann") {
		t.Errorf("inactive: %v, %v", result, k.List("ann"))
	}
	if k.Turn("ann", "first", accesskey.Inactive) || k.Remove("ann", "first") != core.OutUnknown || k.Knows("bob") {
		t.Error("what is not there is known")
	}
	// Another key of the same id has a state of its own.
	if _, result := k.Make("ann", "first", "s1", 0); result != core.OutAccepted || k.List("ann")[0].Status != accesskey.Active {
		t.Errorf("%v, %v", result, k.List("ann"))
	}
}

// Whose key it is makes no difference to a caller, and what a key is worth follows its state.
func TestACallerIsAKeyThatHasASecret(t *testing.T) {
	t.Parallel()
	k := keys(t)
	if got := k.Caller("first"); got != (core.Caller{}) {
		t.Errorf("a key without a secret: %+v", got)
	}
	if _, result := k.Make("ann", "second", "s2", 0); result != core.OutAccepted {
		t.Fatal(result)
	}
	for _, status := range []string{accesskey.Active, accesskey.Inactive, accesskey.Active, accesskey.Inactive} {
		k.Turn("ann", "second", status)
		if got, want := k.Caller("second"), (core.Caller{Secret: "s2", Known: true, Active: status == accesskey.Active}); got != want {
			t.Errorf("%s: %+v", status, got)
		}
	}
	if k.Remove("ann", "second") != core.OutAccepted || k.Caller("second") != (core.Caller{}) || k.Caller("ann") != (core.Caller{}) {
		t.Error("what is not there calls")
	}
}
