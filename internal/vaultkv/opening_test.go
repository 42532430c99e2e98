package vaultkv_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// readsOnly lets a worker write journals, and passwords in all folders but one.
const readsOnly = `
	path "keyturn-journal/data/*" { capabilities = ["create", "read", "update"] }
	path "secret/data/mail/*" { capabilities = ["create", "read", "update"] }
	path "secret/data/other/*" { capabilities = ["create", "read"] }
	path "auth/token/lookup-self" { capabilities = ["read"] }
	path "sys/capabilities-self" { capabilities = ["update"] }`

func staged() rotation.Record {
	return rotation.Record{RotationID: "r", State: rotation.Open, Attempt: 1, Candidates: []rotation.Candidate{
		{Number: 1, Value: secret.New("p"), State: rotation.Staged},
	}}
}

// elsewhere returns a credential in a folder that readsOnly does not let a worker write.
func elsewhere() *rotation.Credential {
	cred := newCredential()
	cred.Place.Path = "other/" + cred.ID
	return cred
}

func TestARotationIsNotOpenedWhereItsPasswordCouldNotBeWritten(t *testing.T) {
	t.Parallel()
	narrow := config()
	narrow.Auth = appRole(t, roleOptions{policy: readsOnly})
	v, cred := open(t, narrow), elsewhere()
	_, err := v.Save(t.Context(), cred, staged(), 0)
	var lack *vaultkv.LackError
	if !errors.As(err, &lack) || lack.Path != "secret/data/"+cred.Place.Path || strings.Join(lack.Lacks, " ") != "update" {
		t.Fatalf("save: %v, want a *LackError of update", err)
	}
	wantAll(t, err, `vault store "main": the token lacks the capability update on secret/data/`+cred.Place.Path)
	var wait *rotation.WaitError
	if !errors.As(err, &wait) || wait.After <= 0 || wait.Reason != err.Error() {
		t.Errorf("%v does not ask to come back later", err)
	}
	if rec := load(t, v, cred); rec.Version != 0 {
		t.Errorf("the journal is at version %d, want none", rec.Version)
	}
	neighbour := newCredential()
	save(t, v, neighbour, staged(), 0)
}

// What a provider has taken or shown is journalled, whatever became of the policy.
func TestAWriteAfterTheFirstSendIsNeverHeldUp(t *testing.T) {
	t.Parallel()
	narrow := config()
	narrow.Auth = appRole(t, roleOptions{policy: readsOnly})
	v := open(t, narrow)
	for name, change := range map[string]func(*rotation.Record){
		"sent":       func(r *rotation.Record) { r.Candidates[0].Sends = 1 },
		"accepted":   func(r *rotation.Record) { r.Candidates[0].State = rotation.Accepted },
		"in doubt":   func(r *rotation.Record) { r.Doubted = true },
		"lost":       func(r *rotation.Record) { r.LostGenerations = 1 },
		"second":     func(r *rotation.Record) { r.Candidates = append(r.Candidates, r.Candidates[0]) },
		"closed":     func(r *rotation.Record) { r.State, r.Candidates = rotation.Closed, nil },
		"quarantine": func(r *rotation.Record) { r.State = rotation.Quarantined },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := staged()
			change(&rec)
			save(t, v, elsewhere(), rec, 0)
		})
	}
}

func TestRightsAreAskedOncePerTokenAndPath(t *testing.T) {
	t.Parallel()
	var g gate
	role := config()
	role.Auth = appRole(t, roleOptions{policy: readsOnly})
	address, asked := answers(t, 0, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/capabilities-self") }, nil)
	v, cred := g.openBefore(t, role, address), newCredential()
	version := 0
	for range 5 {
		version = save(t, v, cred, staged(), version)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("%d questions for 5 rotations, want 1", n)
	}
	save(t, v, newCredential(), staged(), 0)
	if n := asked.Load(); n != 2 {
		t.Errorf("%d questions for two paths, want 2", n)
	}
	ask(t, http.MethodPut, "auth/token/revoke", map[string]any{"token": g.lastToken()})
	version = save(t, v, cred, rotation.Record{RotationID: "r"}, version) // finds the token dead, and logs in
	save(t, v, cred, staged(), version)
	if n := asked.Load(); n != 3 {
		t.Errorf("%d questions after another login, want 3", n)
	}
}

func TestAPolicyThatWasMendedCounts(t *testing.T) {
	t.Parallel()
	narrow := config()
	narrow.Auth = appRole(t, roleOptions{policy: readsOnly})
	v, cred := open(t, narrow), elsewhere()
	if _, err := v.Save(t.Context(), cred, staged(), 0); err == nil {
		t.Fatal("it was opened without the right")
	}
	ask(t, http.MethodPut, "sys/policies/acl/"+narrow.Auth.Mount, map[string]any{"policy": fullPolicy})
	save(t, v, cred, staged(), 0)
}

func TestManyFirstRotationsAskTogether(t *testing.T) {
	t.Parallel()
	const many = 200
	role := config()
	role.Auth = appRole(t, roleOptions{policy: readsOnly})
	v := open(t, role)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			cred, lacks := newCredential(), i%10 == 0
			if lacks {
				cred = elsewhere()
			}
			if _, err := v.Save(t.Context(), cred, staged(), 0); (err != nil) != lacks {
				t.Errorf("%s: %v", cred.Place.Path, err)
			}
		})
	}
	all.Wait()
}

func TestAStoreThatIsAwayIsNamedAlone(t *testing.T) {
	t.Parallel()
	here, away := config(), config()
	away.Address = "http://127.0.0.1:1"
	v := openAll(t, map[string]vaultkv.StoreConfig{"main": here, "away": away})
	unusable := v.Unusable(t.Context(), vaultkv.ReadWrite)
	if len(unusable) != 1 || unusable["away"] == nil {
		t.Errorf("unusable: %v, want the store that is away", unusable)
	}
	save(t, v, newCredential(), staged(), 0)
}
